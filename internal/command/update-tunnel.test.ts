import { fromBinary, toBinary } from '@bufbuild/protobuf';
import { describe, expect, test } from 'vitest';
import { isRefusal } from '#internal/errors/errors.ts';
import { TunnelSchema } from '#internal/gen/pop44/store/v1/records_pb.ts';
import type { RecordEvent } from '#internal/model/record.ts';
import { decisionOf } from '#internal/testkit/fabric-requests.ts';
import { createLedger } from '#internal/testkit/ledger.ts';
import { deletionOf, fabricEvents, testKey, tunnelEvents } from '#internal/testkit/three-pops.ts';
import {
  type Case,
  changed,
  createIn,
  deleteIn,
  found,
  key,
  keyId,
  named,
  pool4,
  pool6,
  updateIn,
  with3,
} from '#internal/testkit/tunnel-requests.ts';

const updates: readonly Case[] = [
  [
    'required',
    updateIn(with3, { tunnel: '', mtu: 1300 }),
    'tunnel: is missing (its id, owner/name, or name, as tunnel list shows them)',
  ],
  [
    'not-found',
    updateIn(with3, { tunnel: 't9', mtu: 1300 }),
    'tunnel: "t9" is no tunnel of this network (its id, owner/name, or name, as tunnel list shows them)',
  ],
  [
    'required',
    updateIn(with3, {}),
    'tunnel: "t1" is given nothing to change (enabled, name, mtu, keepalive_seconds, public_key, firewall, a rate or sealed_preshared_key)',
  ],
  [
    'stale-etag',
    updateIn(with3, { mtu: 1300, change: { etag: '1' } }),
    'change.etag: "1" is not the etag any more (read it again: it is 2 now)',
  ],
  [
    'required',
    updateIn(with3, { name: '' }),
    'tunnel.name: is missing (1 to 63 characters of a-z, 0-9 and -, no - at either end)',
  ],
  [
    'already-exists',
    updateIn(with3, { name: 'tunnel-2' }),
    'tunnel.name: "tunnel-2" is the name of another tunnel of admin/test (another name)',
  ],
  ['invalid', updateIn(with3, { mtu: 0 }), 'tunnel.mtu: "0" is out of range (1280 to 1420)'],
  ['invalid', updateIn(with3, { keepaliveSeconds: 121 }), 'tunnel.keepalive_seconds: "121" is out of range (0 to 120)'],
  [
    'required',
    updateIn(with3, { publicKey: '' }),
    'tunnel.public_key: is missing (44 characters of base64 for 32 bytes)',
  ],
  [
    'invalid',
    updateIn(with3, { publicKey: 'abc' }),
    'tunnel.public_key: "abc" is not a WireGuard key (44 characters of base64 for 32 bytes)',
  ],
  [
    'duplicate-key',
    updateIn(with3, { publicKey: testKey(2) }),
    `tunnel.public_key: "${testKey(2)}" is the key of another tunnel (a key pair of its own for each tunnel)`,
  ],
  ['invalid', updateIn(with3, { publicKey: 'abc', mtu: 1 }), 'tunnel.mtu: "1" is out of range (1280 to 1420)'],
];

describe('no update', () => {
  test.each(named(updates))('$message', ({ reason, outcome, message }) => {
    expect(outcome).toMatchObject({ refused: reason, message });
  });
});

describe('an update', () => {
  test('changes what it names and nothing else', () => {
    const outcome = updateIn(with3, { enabled: false, mtu: 1380, change: { etag: '2' } });
    expect(decisionOf(outcome)).toEqual({
      compares: [{ kind: 'tunnel', id: 't1', revision: 2n }],
      writes: [{ op: 'put', kind: 'tunnel', id: 't1', record: { ...found(with3).record, enabled: false, mtu: 1380 } }],
    });
    expect(outcome).toMatchObject({ response: { tunnel: { enabled: false, mtu: 1380, name: 'tunnel-1' } } });
    expect(found(with3).record.enabled).toBe(true);
  });

  test('keeps fields that a newer daemon wrote', () => {
    // Field 99, a string: 99 << 3 | 2 is 0x31a.
    const newer = fromBinary(
      TunnelSchema,
      new Uint8Array([...toBinary(TunnelSchema, found(with3).record), 0x9a, 0x06, 1, 0x41]),
    );
    const snapshot = changed(with3, { kind: 'tunnel', id: 't1', stored: { record: newer, revision: 3n } });
    const [write] = decisionOf(updateIn(snapshot, { mtu: 1300 })).writes;
    if (write?.op !== 'put' || write.kind !== 'tunnel') throw new TypeError('no tunnel');
    expect([...toBinary(TunnelSchema, write.record).slice(-4)]).toEqual([0x9a, 0x06, 1, 0x41]);
  });

  test('moves the claim with the key [A7]', () => {
    const ledger = createLedger(with3);
    const decision = decisionOf(updateIn(with3, { publicKey: key }));
    expect(ledger.commit(decision)).toBeDefined();
    expect(ledger.snapshot.peerkeys.get(keyId(900))?.record.tunnelId).toBe('t1');
    expect(ledger.snapshot.peerkeys.has(keyId(1))).toBe(false);
    expect(createIn(ledger.snapshot)).toMatchObject({ refused: 'duplicate-key' });
    const freed = createIn(ledger.snapshot, { publicKey: testKey(1) });
    expect(isRefusal(freed)).toBe(false);
  });

  test('to the name and key that it has already is no conflict with itself', () => {
    const { writes } = decisionOf(updateIn(with3, { name: 'tunnel-1', publicKey: testKey(1) }));
    expect(writes).toHaveLength(1);
  });

  test("leaves another's claim alone", () => {
    const stolen = changed(with3, ...tunnelEvents(1, 5n, testKey(2)).filter(({ kind }) => kind === 'tunnel'));
    const { writes } = decisionOf(updateIn(stolen, { publicKey: key }));
    expect(writes.map(({ op, kind, id }) => `${op} ${kind} ${id}`)).toEqual([
      'put tunnel t1',
      `put peerkey ${keyId(900)}`,
    ]);
  });
});

describe('a deletion', () => {
  test('takes the tunnel and its claim, keeps its addresses for their owner, and nothing of others [A6]', () => {
    const ledger = createLedger(with3);
    expect(ledger.commit(decisionOf(deleteIn(with3, { change: { etag: '2' } })))).toBeDefined();
    const left = changed(with3, ...deletionOf(tunnelEvents(1, 2n)));
    expect([...ledger.snapshot.peerkeys.keys()].toSorted()).toEqual([...left.peerkeys.keys()].toSorted());
    expect(ledger.snapshot.tunnels.has('t1')).toBe(false);
    expect(ledger.snapshot.slabs.size).toBe(with3.slabs.size);
    const quarantined = [...ledger.snapshot.allocations].filter(([id]) => !left.allocations.has(id));
    // The context's now, and 24 h.
    const until = { seconds: 1_760_000_000n + 86_400n };
    expect(
      quarantined.map(([, { record }]) => record).toSorted((a, b) => (a.prefix < b.prefix ? -1 : 1)),
    ).toMatchObject([
      { prefix: '2001:db8:44:1::/64', owner: 'admin/test', tunnelId: '', quarantinedUntil: until },
      { prefix: '44.31.0.1/32', owner: 'admin/test', tunnelId: '', quarantinedUntil: until },
    ]);
  });

  test('frees the addresses at once where the pools have no quarantine', () => {
    const without = [pool4, pool6].flatMap((id): RecordEvent[] => {
      const [record] = fabricEvents(9n).filter((event) => event.kind === 'pool' && event.id === id);
      if (record?.kind !== 'pool' || record.stored === undefined) return [];
      record.stored.record.quarantineSeconds = 0;
      return [record];
    });
    const ledger = createLedger(changed(with3, ...without));
    expect(ledger.commit(decisionOf(deleteIn(ledger.snapshot)))).toBeDefined();
    const left = changed(with3, ...deletionOf(tunnelEvents(1, 2n)));
    expect([...ledger.snapshot.allocations.keys()].toSorted()).toEqual([...left.allocations.keys()].toSorted());
  });

  test("leaves what is another's, whatever the record claims", () => {
    const [tunnel] = tunnelEvents(2, 5n).filter(({ kind }) => kind === 'tunnel');
    if (tunnel?.kind !== 'tunnel' || tunnel.stored === undefined) throw new TypeError('no tunnel');
    tunnel.stored.record.id = 't9';
    tunnel.stored.record.name = 'thief';
    const snapshot = changed(with3, { ...tunnel, id: 't9' });
    expect(decisionOf(deleteIn(snapshot, { tunnel: 't9' })).writes).toEqual([
      { op: 'delete', kind: 'tunnel', id: 't9' },
    ]);
  });

  test('is refused with an old etag, and of nobody', () => {
    expect(deleteIn(with3, { change: { etag: '1' } })).toMatchObject({ refused: 'stale-etag' });
    expect(deleteIn(with3, { tunnel: 'nobody' })).toMatchObject({ refused: 'not-found' });
  });

  test('does not commit when the tunnel was changed meanwhile', () => {
    const ledger = createLedger(with3);
    const deletion = decisionOf(deleteIn(with3));
    expect(ledger.commit(decisionOf(updateIn(with3, { mtu: 1300 })))).toBeDefined();
    expect(ledger.commit(deletion)).toBeUndefined();
  });
});
