import { create } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { AllocateRequestSchema, ReleaseRequestSchema } from '#internal/gen/pop44/v1/allocations_pb.ts';
import { CreateTunnelRequestSchema, DeleteTunnelRequestSchema } from '#internal/gen/pop44/v1/tunnels_pb.ts';
import { allocateIn, releaseIn, withPools } from '#internal/testkit/allocation-requests.ts';
import { decisionOf } from '#internal/testkit/fabric-requests.ts';
import { createLedger } from '#internal/testkit/ledger.ts';
import { changed, pool4, pool6, with3 } from '#internal/testkit/tunnel-requests.ts';
import { ledForAllocate, ledForCreateTunnel, ledForDeleteTunnel, ledForRelease } from './command.ts';

const younger = '4-2c3c0000-24';
/** Two pools of IPv4: 44.31.0.0/22 and the younger 44.60.0.0/24. */
const two = changed(
  with3,
  ...withPools(with3, { id: younger, prefix: '44.60.0.0/24' }, pool4)
    .pools.toArray()
    .filter(([, { record }]) => record.id === younger)
    .map(([, stored]) => ({ kind: 'pool', id: younger, stored }) as const),
);
const led = (rest: object, snapshot = two) => ledForAllocate(snapshot, create(AllocateRequestSchema, rest));
const ledTunnel = (rest: object) => ledForCreateTunnel(two, create(CreateTunnelRequestSchema, rest));
const ledRelease = (prefix: string, pool = '') =>
  ledForRelease(two, create(ReleaseRequestSchema, { prefixes: [prefix], pool }));

test.each([
  ['nothing said', led({}), pool4],
  ['a family', led({ wishes: [{ family: 6 }, { family: 4 }] }), pool6],
  ['a pool by its prefix', led({ wishes: [{ pool: '44.60.0.0/24' }] }), younger],
  ['a prefix', led({ wishes: [{ prefix: '44.60.0.9/32' }] }), younger],
  [
    'a pool that is emptied',
    led({ wishes: [{ pool: pool4 }] }, withPools(two, { drainToPoolId: younger }, pool4)),
    younger,
  ],
  ['a pool of another home', led({ homePopId: 'p1' }, withPools(two, { homePopId: 'p2' }, pool4)), younger],
  ['what will be refused', led({ wishes: [{ pool: '44.99.0.0/24' }] }), undefined],
  ['a tunnel', ledTunnel({}), pool4],
  ['a tunnel in a pool', ledTunnel({ pools: [pool6] }), pool6],
  ['a tunnel with a prefix', ledTunnel({ wishes: [{ prefix: '2001:db8:44:9::/64' }] }), pool6],
  ['a release', ledRelease('2001:db8:44:1::/64'), pool6],
  ['a release in a pool', ledRelease('44.60.0.9/32', '44.60.0.0/24'), younger],
  ['a release of nothing', ledRelease('44.60.0.9/32'), undefined],
  ['a deletion', ledForDeleteTunnel(two, create(DeleteTunnelRequestSchema, { tunnel: 't1' })), pool4],
  ['a deletion of nothing', ledForDeleteTunnel(two, create(DeleteTunnelRequestSchema, { tunnel: 't9' })), undefined],
])('%s: decided best by the leader of that pool', (_, found, expected) => {
  expect(found).toBe(expected);
});

test('a pool of another home serves after the others, and gives with its own home', () => {
  const homed = withPools(two, { homePopId: 'p2' }, pool4);
  const wishes = [{ family: 4 }];
  expect(allocateIn(homed, { wishes, homePopId: 'p1' })).toMatchObject({
    response: { allocations: [{ prefix: '44.60.0.1/32', homePopId: 'p1' }] },
  });
  expect(allocateIn(homed, { wishes, homePopId: 'p2' })).toMatchObject({
    response: { allocations: [{ prefix: '44.31.1.1/32', homePopId: 'p2' }] },
  });
  const only = withPools(homed, { frozen: true }, younger);
  expect(allocateIn(only, { wishes, homePopId: 'p1' })).toMatchObject({
    response: { allocations: [{ prefix: '44.31.1.1/32', homePopId: 'p2' }] },
  });
});

test("an owner's own prefix is given back out of whichever pool it left it in [A6]", () => {
  const ledger = createLedger(two);
  ledger.commit(decisionOf(allocateIn(ledger.snapshot, { wishes: [{ prefix: '44.60.0.7/32' }] })));
  ledger.commit(decisionOf(releaseIn(ledger.snapshot, ['44.60.0.7/32'])));
  const left = ledger.snapshot;
  expect(allocateIn(left, { wishes: [{ family: 4 }] })).toMatchObject({
    response: { allocations: [{ prefix: '44.60.0.7/32' }] },
  });
  expect(allocateIn(left, { wishes: [{ family: 4 }], owner: 'club' })).toMatchObject({
    response: { allocations: [{ prefix: '44.31.0.4/32' }] },
  });
});
