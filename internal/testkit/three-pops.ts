// Three PoPs: the fabric of the lab as a snapshot, for tests of whatever reads one.

import { create } from '@bufbuild/protobuf';
import {
  AllocationSchema,
  type FabricRouting,
  InterconnectSchema,
  NetworkSchema,
  NodeSchema,
  PeerKeySchema,
  Plane,
  PoolSchema,
  PopKind,
  PopSchema,
  RealmSchema,
  SlabSchema,
  TunnelSchema,
  UpstreamSchema,
} from '#internal/gen/pop44/store/v1/records_pb.ts';
import { allocationId, emptySnapshot, fold, peerKeyId, poolId, type Snapshot, slabId } from '#internal/model/model.ts';
import type { RecordEvent } from '#internal/model/record.ts';
import { type Prefix, parsePrefix, parseWgKey, type WgKey } from '#internal/netip/netip.ts';

const prefixOf = (text: string): Prefix => {
  const prefix = parsePrefix(text);
  if (typeof prefix !== 'string') throw new TypeError(text);
  return prefix;
};
const keyOf = (text: string): WgKey => {
  const key = parseWgKey(text);
  if (typeof key !== 'string') throw new TypeError(text);
  return key;
};

/** A syntactically right WireGuard public key for each number. */
export const testKey = (n: number): string => Buffer.from(n.toString(16).padStart(64, '7'), 'hex').toString('base64');

const pools = ['44.31.0.0/22', '2001:db8:44::/48'] as const;
const slabs = [
  ['44.31.0.0/24', 32, 'p1'],
  ['44.31.1.0/24', 32, 'p2'],
  ['2001:db8:44::/56', 64, 'p1'],
] as const;

export function fabricEvents(revision = 1n): readonly RecordEvent[] {
  const events: RecordEvent[] = [
    {
      kind: 'network',
      id: 'network',
      stored: {
        revision,
        record: create(NetworkSchema, { id: 'network', uid: 'a'.repeat(32), name: 'test', minReaderVersion: 1 }),
      },
    },
    {
      kind: 'realm',
      id: 'internet',
      stored: { revision, record: create(RealmSchema, { id: 'internet', table: 4401 }) },
    },
  ];
  for (const n of [1, 2, 3]) {
    const id = `p${n}`;
    const pop = create(PopSchema, {
      id,
      kind: PopKind.CORE,
      endpoint4: n === 3 ? '44.27.0.3' : `198.18.200.${n}`,
      endpoint6: `2001:db8:1:e${n}::1`,
      endpointPort: 51820,
      publicKey: testKey(100 + n),
      acceptsTunnels: true,
    });
    const node = create(NodeSchema, {
      id,
      popId: id,
      asn: 4_200_000_000 + n,
      loopback4: `198.18.210.${n}`,
      loopback6: `2001:db8:1:f${n}::1`,
      meshAddress: `fd44:44::${n}`,
      meshPublicKey: testKey(200 + n),
      meshPort: 51844,
      underlay4: `198.18.${n}.2`,
      interconnectPublicKey: testKey(300 + n),
      apiPort: 4440,
    });
    events.push({ kind: 'pop', id, stored: { revision, record: pop } });
    events.push({ kind: 'node', id, stored: { revision, record: node } });
    for (const [plane, uplink] of [
      [Plane.TRANSPORT, n],
      [Plane.POP, 10 + n],
    ] as const) {
      const upstream = create(UpstreamSchema, {
        id: `${id}-${plane === Plane.POP ? 'pop' : 'transport'}`,
        nodeId: id,
        plane,
        neighbor4: `198.18.${uplink}.1`,
        neighbor6: `2001:db8:1:${uplink}::1`,
        neighborAsn: 64500,
        bfd: true,
        blackhole: plane === Plane.POP,
      });
      events.push({ kind: 'upstream', id: upstream.id, stored: { revision, record: upstream } });
    }
  }
  for (const [at, [a, b]] of (
    [
      ['p1', 'p2'],
      ['p1', 'p3'],
      ['p2', 'p3'],
    ] as const
  ).entries()) {
    const record = create(InterconnectSchema, {
      id: `${a}-${b}`,
      nodeA: a,
      nodeB: b,
      link4: `172.30.0.${2 * at}/31`,
      // RFC 5952: no zero after the colons.
      link6: `fd44:0:0:1::${2 * at || ''}/127`,
      portA: 51900 + at,
      portB: 51900 + at,
      mtu: 1420,
    });
    events.push({ kind: 'interconnect', id: record.id, stored: { revision, record } });
  }
  for (const [at, prefix] of pools.entries()) {
    const id = poolId(prefixOf(prefix));
    const record = create(PoolSchema, {
      id,
      realmId: 'internet',
      prefix,
      slabLength: at === 0 ? 24 : 56,
      createdAt: { seconds: 1n },
    });
    events.push({ kind: 'pool', id, stored: { revision, record } });
  }
  for (const [prefix, unitLength, homePopId] of slabs) {
    const pool = poolId(prefixOf(prefix.includes(':') ? pools[1] : pools[0]));
    const record = create(SlabSchema, { poolId: pool, prefix, unitLength, homePopId });
    events.push({ kind: 'slab', id: slabId(pool, prefixOf(prefix)), stored: { revision, record } });
  }
  return events;
}

/** Tunnel number n (1 to 250): 44.31.0.n/32 and 2001:db8:44:n::/64, carried by all three PoPs. */
export function tunnelEvents(n: number, revision: bigint, publicKey = testKey(n)): readonly RecordEvent[] {
  const id = `t${n}`;
  const given = [`44.31.0.${n}/32`, `2001:db8:44:${n.toString(16)}::/64`].map((prefix, at) => ({
    prefix,
    poolId: poolId(prefixOf(at === 0 ? pools[0] : pools[1])),
    realmId: 'internet',
    homePopId: 'p1',
  }));
  const record = create(TunnelSchema, {
    id,
    name: `tunnel-${n}`,
    owner: 'admin/test',
    publicKey,
    enabled: true,
    placement: { popIds: ['p1', 'p2', 'p3'] },
    prefixes: given,
    realmIds: ['internet'],
    mtu: 1420,
    keepaliveSeconds: 25,
  });
  const hex = peerKeyId(keyOf(publicKey));
  return [
    { kind: 'tunnel', id, stored: { revision, record } },
    { kind: 'peerkey', id: hex, stored: { revision, record: create(PeerKeySchema, { publicKey, tunnelId: id }) } },
    ...given.map((g): RecordEvent => {
      const allocation = create(AllocationSchema, {
        poolId: g.poolId,
        prefix: g.prefix,
        tunnelId: id,
        owner: record.owner,
      });
      return {
        kind: 'allocation',
        id: allocationId(g.poolId, prefixOf(g.prefix)),
        stored: { revision, record: allocation },
      };
    }),
  ];
}

/** The same tunnel's records as deletions. */
export const deletionOf = (events: readonly RecordEvent[]): readonly RecordEvent[] =>
  events.map(({ kind, id }) => ({ kind, id }));

export function threePops(tunnels = 0): Snapshot {
  const events = [...fabricEvents(), ...Array.from({ length: tunnels }, (_, at) => tunnelEvents(at + 1, 2n)).flat()];
  return fold(emptySnapshot(), { revision: 2n, relisted: true, events }).snapshot;
}

/** The same fabric by another routing. */
export function routedBy(before: Snapshot, fabricRouting: FabricRouting): Snapshot {
  const revision = before.revision + 1n;
  const record = create(NetworkSchema, { ...before.network?.record, fabricRouting } as object);
  const events: readonly RecordEvent[] = [{ kind: 'network', id: 'network', stored: { revision, record } }];
  return fold(before, { revision, relisted: false, events }).snapshot;
}
