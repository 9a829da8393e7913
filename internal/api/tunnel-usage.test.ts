import { expect, test } from 'vitest';
import { threePops } from '#internal/testkit/three-pops.ts';
import { tunnelUsage } from './tunnel-usage.ts';

const snapshot = threePops(1);
const tunnel = snapshot.tunnels.get('t1')?.record;
const bytes = (upBytes: number, downBytes: number) => ({ upBytes, downBytes, sinceMs: 1_000, lastMs: 2_000 });
const signal = new AbortController().signal;

test('the sum is over all nodes that answered; those of the placement are always there [P4]', async () => {
  if (tunnel === undefined) throw new TypeError('no tunnel');
  const usage = {
    own: () => bytes(1, 10),
    // p9 carried it once; p8 never did; p2 does not answer; p3 is not on the mesh.
    others: async () => [
      { nodeId: 'p9', bytes: bytes(2, 20) },
      { nodeId: 'p8' },
      { nodeId: 'p2', bytes: 'silent' as const },
    ],
  };
  expect(await tunnelUsage({ snapshot, nodeId: 'p1', usage }, tunnel, signal)).toMatchObject({
    tunnelId: 't1',
    upBytes: 3n,
    downBytes: 30n,
    nodes: [
      { nodeId: 'p1', upBytes: 1n, downBytes: 10n, since: { seconds: 1n }, last: { seconds: 2n } },
      { nodeId: 'p2', silent: true },
      { nodeId: 'p3', silent: true },
      { nodeId: 'p9', upBytes: 2n },
    ],
  });
});
