import { expect, test } from 'vitest';
import type { Want } from '#internal/seam/seam.ts';
import { createLive } from '#internal/presence/presence.ts';
import { createStatus } from '#internal/status/status.ts';
import { fabricEvents, tunnelEvents } from '#internal/testkit/three-pops.ts';
import { createReconciler } from './reconcile.ts';

const quiet = { info: () => undefined, warn: () => undefined, error: () => undefined };

/** `n` tunnels, the first of them shaped both ways, all applied. */
function node(n: number) {
  const sent: Want[] = [];
  const reconciler = createReconciler({
    self: { nodeId: 'p1', accessKeyFile: '/keys/access', interconnectKeyFile: '/keys/interconnect' },
    status: createStatus('p1'),
    log: quiet,
    disk: { append: async () => undefined },
    send: (want) => sent.push(want),
  });
  const applied = (): void => {
    const { number = 0, revision = '' } = sent.at(-1) ?? {};
    reconciler.message({ type: 'applied', number, revision, failing: 0, failures: [] });
  };
  reconciler.message({ type: 'hello', accessPeers: 0 });
  const tunnels = Array.from({ length: n }, (_, at) => tunnelEvents(at + 1, 1n)).flat();
  for (const { kind, id, stored } of tunnels)
    if (kind === 'tunnel' && id === 't1')
      Object.assign(stored?.record ?? {}, { rateUpBitPerSecond: 1_000_000n, rateDownBitPerSecond: 9_000_000n });
  reconciler.take({ revision: 1n, relisted: true, events: [...fabricEvents(), ...tunnels] });
  applied();
  const live = createLive((now, changed) => reconciler.live(now, changed));
  return { sent, live, applied };
}
const kindsOf = (want: Want | undefined): readonly string[] => (want?.put ?? []).map(([kind]) => kind);

test('a session of a shaped tunnel is one want with its classes, whatever number of tunnels there are [T9]', () => {
  const { sent, live, applied } = node(100);
  expect(sent).toHaveLength(1);
  live.shook([{ tunnelId: 't1', handshakeMs: 1_000 }], 1_000);
  live.here(new Set(['t1']), ['t1']);
  expect(sent).toHaveLength(2);
  const elements = Array.from({ length: 4 }, () => 'element');
  // Its classes, and the limits below which it needs none, which name them.
  expect(kindsOf(sent[1])).toEqual(['class', 'class', ...elements, ...elements]);
  expect(sent[1]?.remove).toEqual([]);
  applied();
  // A session of one without a rate changes nothing.
  live.shook([{ tunnelId: 't2', handshakeMs: 1_000 }], 1_000);
  live.here(new Set(['t1', 't2']), ['t2']);
  live.settle(1_000);
  expect(sent).toHaveLength(2);
  // The end of the first one takes back what it brought.
  live.settle(300_000);
  expect(sent).toHaveLength(3);
  expect(kindsOf(sent[2])).toEqual(elements);
  expect(sent[2]?.remove.map(([kind]) => kind).toSorted()).toEqual(['class', 'class', ...elements]);
});
