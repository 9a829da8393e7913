import { timestampFromMs, timestampMs } from '@bufbuild/protobuf/wkt';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Clock, realClock } from '#internal/clock/clock.ts';
import { AllocationService } from '#internal/gen/pop44/v1/allocations_pb.ts';
import { DeskService, WhoseKind } from '#internal/gen/pop44/v1/desk_pb.ts';
import { FabricService } from '#internal/gen/pop44/v1/fabric_pb.ts';
import { PoolService } from '#internal/gen/pop44/v1/pools_pb.ts';
import { TunnelService } from '#internal/gen/pop44/v1/tunnels_pb.ts';
import type { ApiDaemon, ApiNetwork } from '#internal/testkit/api-network.ts';
import { apiNetwork } from '#internal/testkit/api-network.ts';
import { memoryStore } from '#internal/testkit/memory-store.ts';
import { createSmallFabric, publicKey } from '#internal/testkit/requests.ts';

/** Whatever is done is done when the test says. */
let nowMs = Date.UTC(2026, 10, 25, 12);
const clock: Clock = { ...realClock, wall: () => new Date(nowMs) };
const later = (seconds: number) => (nowMs += seconds * 1_000);

const store = memoryStore();
let network: ApiNetwork;
let daemon: ApiDaemon;
beforeAll(async () => {
  network = await apiNetwork(store.follower, ['p1', 'p2'], undefined, { clock });
  [daemon] = network.daemons as [ApiDaemon];
  await createSmallFabric(network.as(FabricService, daemon), network.as(PoolService, daemon), 2);
});
afterAll(() => network[Symbol.asyncDispose]());

const desk = () => network.as(DeskService, daemon);
const tunnels = () => network.as(TunnelService, daemon);
const allocations = () => network.as(AllocationService, daemon);
const refusal = async (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => 'granted',
    (thrown: { refusal?: { refused: string; field: string } }) =>
      thrown.refusal === undefined ? thrown : `${thrown.refusal.refused} ${thrown.refusal.field}`,
  );
const created = async (rest: object = {}) => {
  const { tunnel } = await tunnels().createTunnel({ publicKey: publicKey(), ...rest });
  if (tunnel === undefined) throw new TypeError('no tunnel');
  return { ...tunnel, address: (tunnel.prefixes[0] ?? '').replace('/32', '') };
};
/** How often anything was written. */
const records = () => store.commits.length;

describe('a suspended tunnel', () => {
  test('says why, cannot be enabled or deleted, and keeps what it has [S2]', async () => {
    const { id, prefixes } = await created();
    const { tunnel } = await desk().suspendTunnel({ tunnel: id, reason: 'open relay, ticket 7' });
    expect(tunnel).toMatchObject({ prefixes, suspension: { reason: 'open relay, ticket 7', by: 'admin/ada' } });
    expect(await refusal(tunnels().updateTunnel({ tunnel: id, enabled: true }))).toBe('suspended tunnel');
    expect(await refusal(tunnels().deleteTunnel({ tunnel: id }))).toBe('suspended tunnel');
    await tunnels().updateTunnel({ tunnel: id, mtu: 1400 });
    expect((await tunnels().getTunnel({ tunnel: id })).tunnel).toMatchObject({ suspension: { by: 'admin/ada' } });
    const after = await desk().unsuspendTunnel({ tunnel: id });
    expect(after.tunnel).toMatchObject({ enabled: true, prefixes, mtu: 1400 });
    expect(after.tunnel?.suspension).toBeUndefined();
    expect(await refusal(desk().unsuspendTunnel({ tunnel: id }))).toBe('invalid tunnel');
  });

  const reasons: readonly (readonly [reason: string, refused: string])[] = [
    ['', 'required reason'],
    ['   ', 'required reason'],
    ['x'.repeat(201), 'invalid reason'],
    ['two\nlines', 'invalid reason'],
    ['\u001b[2J', 'invalid reason'],
    ['\u202egnihtemos', 'invalid reason'],
    ['\u0000', 'invalid reason'],
  ];
  test.each(reasons)('with the reason %j is refused: %s, and nothing changes [S2]', async (reason, refused) => {
    const { id } = await created();
    const before = records();
    expect(await refusal(desk().suspendTunnel({ tunnel: id, reason }))).toBe(refused);
    expect(await refusal(desk().createBlackhole({ address: '44.31.0.200', reason }))).toBe(refused);
    expect(records()).toBe(before);
  });
  test('takes 200 characters of any script', async () => {
    const { id } = await created();
    const reason = 'ж'.repeat(200);
    expect((await desk().suspendTunnel({ tunnel: id, reason })).tunnel?.suspension?.reason).toBe(reason);
  });
});

interface Asked {
  readonly address?: string;
  readonly seconds?: number;
  readonly nanos?: number;
}

describe('whois', () => {
  const at = (ms: number) => ({ at: timestampFromMs(ms) });
  const whose = async (address: string, ms?: number) =>
    (await desk().whois({ address, ...(ms === undefined ? {} : at(ms)) })).whose;

  test('tells the holder of an address, of both families, and the pool around it', async () => {
    const { id, name, prefixes } = await created({ owner: 'ada' });
    const [four = '', six = ''] = prefixes;
    const line = { kind: WhoseKind.TUNNEL, owner: 'ada', tunnelId: id, tunnelName: name, homePopId: 'p1' };
    expect(await whose(four.replace('/32', ''))).toMatchObject([
      { ...line, prefix: four, realmId: 'internet' },
      { kind: WhoseKind.POOL, prefix: '44.31.0.0/22' },
    ]);
    expect(await whose(six.replace('::/64', '::77'))).toMatchObject([
      { ...line, prefix: six },
      { kind: WhoseKind.POOL, prefix: '2001:db8:44::/48' },
    ]);
    await desk().suspendTunnel({ tunnel: id, reason: 'spam' });
    expect(await whose(four)).toMatchObject([{ suspension: { reason: 'spam' } }, {}]);
  });

  test('tells who had it, through every change of hands, to the second', async () => {
    const before = nowMs;
    later(60);
    await allocations().allocate({ owner: 'bob', wishes: [{ prefix: '44.31.1.9/32' }] });
    const alone = nowMs;
    later(60);
    const { id } = await created({ owner: 'bob', name: 'shed', wishes: [{ prefix: '44.31.1.9/32' }] });
    const withTunnel = nowMs;
    later(60);
    await tunnels().deleteTunnel({ tunnel: id });
    const released = nowMs;
    later(60);
    const ask = async (ms: number) => (await whose('44.31.1.9', ms))[0];
    expect((await ask(before))?.kind).toBe(WhoseKind.POOL);
    expect(await ask(alone)).toMatchObject({ kind: WhoseKind.OWNER, owner: 'bob', since: at(alone).at });
    expect(await ask(withTunnel - 1)).toMatchObject({ kind: WhoseKind.OWNER, until: at(withTunnel).at });
    expect(await ask(withTunnel)).toMatchObject({ kind: WhoseKind.TUNNEL, tunnelName: 'shed', tunnelId: id });
    expect(await ask(released - 1)).toMatchObject({
      kind: WhoseKind.TUNNEL,
      since: at(withTunnel).at,
      until: at(released).at,
    });
    expect(await ask(released)).toMatchObject({ kind: WhoseKind.QUARANTINE, owner: 'bob', since: at(released).at });
    // Again the same owner's, under another tunnel: the past stays what it was.
    await created({ owner: 'bob', name: 'barn', wishes: [{ prefix: '44.31.1.9/32' }] });
    expect(await ask(nowMs)).toMatchObject({ kind: WhoseKind.TUNNEL, tunnelName: 'barn', since: at(nowMs).at });
    expect(await ask(withTunnel)).toMatchObject({ kind: WhoseKind.TUNNEL, tunnelName: 'shed' });
    const { whose: between } = await desk().whois({ address: '44.31.1.9', ...at(released + 1) });
    expect(between[0]).toMatchObject({ kind: WhoseKind.LAST_HOLDER, tunnelName: 'shed', owner: 'bob' });
  });

  test('finds a routed block around the address, a delegation and a reservation', async () => {
    const { id } = await created({ wishes: [{ length: 29, prefix: '44.31.2.8/29' }] });
    expect(await whose('44.31.2.13')).toMatchObject([{ prefix: '44.31.2.8/29', tunnelId: id }, {}]);
    const pools = network.as(PoolService, daemon);
    await pools.delegatePool({ pool: '44.31.0.0/22', prefix: '44.31.3.0/24', popId: 'p2' });
    await created({ owner: 'eve', homePopId: 'p2', wishes: [{ prefix: '44.31.3.5/32' }] });
    expect(await whose('44.31.3.5')).toMatchObject([
      { kind: WhoseKind.TUNNEL, owner: 'eve' },
      { kind: WhoseKind.DELEGATION, prefix: '44.31.3.0/24', homePopId: 'p2' },
      { kind: WhoseKind.POOL },
    ]);
    await pools.createReservation({ pool: '44.31.0.0/22', prefix: '44.31.2.128/28', owner: 'club' });
    expect(await whose('44.31.2.130')).toMatchObject([{ kind: WhoseKind.RESERVATION, owner: 'club' }, {}]);
  });

  test('says from when on the past is known, and nothing of what is not ours', async () => {
    expect(await desk().whois({ address: '192.0.2.1' })).toMatchObject({ whose: [] });
    const { knownFrom, whose: none } = await desk().whois({ address: '44.31.0.1', ...at(1_000) });
    expect(none).toEqual([]);
    expect(knownFrom && timestampMs(knownFrom)).toBe(Date.UTC(2026, 10, 25, 12));
  });

  test.each([
    [{}, 'required address'],
    [{ address: 'home' }, 'invalid address'],
    [{ address: '44.31.0.1/22' }, 'invalid address'],
    [{ address: '44.31.0.1; drop' }, 'invalid address'],
    [{ address: '44.31.0.1', seconds: -1, nanos: 0 }, 'invalid at'],
    [{ address: '44.31.0.1', seconds: 1, nanos: -1 }, 'invalid at'],
    [{ address: '44.31.0.1', seconds: 4_000_000_000, nanos: 0 }, 'invalid at'],
  ])('%j is refused: %s', async (request, refused) => {
    const { address = '', seconds, nanos = 0 } = request as Asked;
    const asked = seconds === undefined ? { address } : { address, at: { seconds: BigInt(seconds), nanos } };
    expect(await refusal(desk().whois(asked))).toBe(refused);
  });

  test('answers of now without the store, and of the past not at all', async () => {
    store.faults.push('away');
    expect((await desk().whois({ address: '44.31.1.9' })).whose[0]?.owner).toBe('bob');
    await expect(desk().whois({ address: '44.31.1.9', ...at(nowMs - 1) })).rejects.toMatchObject({
      code: 'unavailable',
    });
    store.faults.length = 0;
  });
});

describe('a rotation of a key', () => {
  test('claims the next key like the current, and one at a time [T6]', async () => {
    const { id, publicKey: current } = await created();
    const next = publicKey();
    const { tunnel } = await tunnels().rotateTunnelKey({ tunnel: id, nextPublicKey: next });
    expect(tunnel).toMatchObject({ publicKey: current, nextPublicKey: next });
    const before = records();
    for (const [request, refused] of [
      [{ tunnel: id, nextPublicKey: publicKey() }, 'rotation-open tunnel'],
      [{ tunnel: id, nextPublicKey: next, cancel: true }, 'invalid next_public_key'],
    ] as const) {
      expect(await refusal(tunnels().rotateTunnelKey(request))).toBe(refused);
    }
    expect(await refusal(tunnels().updateTunnel({ tunnel: id, publicKey: publicKey() }))).toBe('rotation-open tunnel');
    expect(await refusal(tunnels().createTunnel({ publicKey: next }))).toBe('duplicate-key tunnel.public_key');
    expect(records()).toBe(before);
    expect((await tunnels().rotateTunnelKey({ tunnel: id, cancel: true })).tunnel).toMatchObject({ nextPublicKey: '' });
    expect(await refusal(tunnels().rotateTunnelKey({ tunnel: id, cancel: true }))).toBe('invalid cancel');
    await tunnels().createTunnel({ publicKey: next });
  });

  test('gives both keys back with the tunnel [T6]', async () => {
    const { id, publicKey: current } = await created();
    const next = publicKey();
    await tunnels().rotateTunnelKey({ tunnel: id, nextPublicKey: next });
    await tunnels().deleteTunnel({ tunnel: id });
    for (const key of [current, next]) {
      expect((await tunnels().createTunnel({ publicKey: key })).tunnel?.publicKey).toBe(key);
    }
  });

  test('takes no key that could not be used [T6]', async () => {
    const { id, publicKey: current } = await created();
    const other = await created();
    const popKey = daemon.head.snapshot().pops.get('p1')?.record.publicKey ?? '';
    const field = 'next_public_key';
    const before = records();
    for (const [key, refused] of [
      ['', `required ${field}`],
      ['abc', `invalid ${field}`],
      [`${'A'.repeat(43)}=`, `invalid ${field}`],
      [current, `duplicate-key ${field}`],
      [other.publicKey, `duplicate-key ${field}`],
      [popKey, `duplicate-key ${field}`],
    ] as const) {
      expect(await refusal(tunnels().rotateTunnelKey({ tunnel: id, nextPublicKey: key }))).toBe(refused);
    }
    expect(await refusal(tunnels().rotateTunnelKey({ tunnel: 'nobody', nextPublicKey: publicKey() }))).toBe(
      'not-found tunnel',
    );
    expect(records()).toBe(before);
  });
});

describe('a blackhole', () => {
  test('is of one address of ours, once, for a time [S5]', async () => {
    const asked = { address: '44.31.0.77', reason: 'flood', seconds: 7_200 };
    const { blackhole } = await desk().createBlackhole(asked);
    expect(blackhole).toMatchObject({ prefix: '44.31.0.77/32', by: 'admin/ada' });
    expect(blackhole?.expiresAt && timestampMs(blackhole.expiresAt)).toBe(nowMs + 7_200_000);
    expect((await desk().listBlackholes({})).blackholes).toEqual([blackhole]);
    const before = records();
    for (const [rest, refused] of [
      [{}, 'already-exists address'],
      [{ address: '' }, 'required address'],
      [{ address: '192.0.2.1' }, 'outside-pool address'],
      [{ address: '44.31.0.0/24' }, 'invalid address'],
      [{ address: '44.31.0.78', seconds: 31 * 86_400 }, 'invalid seconds'],
    ] as const) {
      expect(await refusal(desk().createBlackhole({ ...asked, ...rest }))).toBe(refused);
    }
    expect(await refusal(desk().deleteBlackhole({ address: '44.31.0.78' }))).toBe('not-found address');
    expect(await refusal(desk().deleteBlackhole({ address: 'x' }))).toBe('invalid address');
    expect(records()).toBe(before);
    await desk().deleteBlackhole({ address: '44.31.0.77' });
    expect((await desk().listBlackholes({})).blackholes).toEqual([]);
  });
});
