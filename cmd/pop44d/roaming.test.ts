import { clone, create } from '@bufbuild/protobuf';
import { TimestampSchema } from '@bufbuild/protobuf/wkt';
import { expect, test } from 'vitest';
import { type Clock, realClock } from '#internal/clock/clock.ts';
import { NodeSchema } from '#internal/gen/pop44/store/v1/records_pb.ts';
import { fold } from '#internal/model/model.ts';
import type { FromNetwork } from '#internal/seam/seam.ts';
import { createStatus } from '#internal/status/status.ts';
import { testKey, threePops, tunnelEvents } from '#internal/testkit/three-pops.ts';
import { createRoaming } from './roaming.ts';

/** p1's, while a tunnel of its own is placed at some PoPs. */
function roaming(popIds: readonly string[]) {
  const events = tunnelEvents(7, 9n);
  for (const { kind, stored } of events)
    if (kind === 'tunnel' && stored !== undefined) Object.assign(stored.record, { placement: { popIds } });
  let { snapshot } = fold(threePops(), { revision: 9n, relisted: false, events });
  const tunnelId =
    [...snapshot.tunnels.values()].find(({ record }) => record.publicKey === testKey(7))?.record.id ?? '';
  const status = createStatus('p1');
  const sent: FromNetwork[] = [];
  let pastMs = 0;
  let aheadMs = 0;
  const clock: Clock = {
    ...realClock,
    wall: () => new Date(realClock.wall().getTime() + pastMs + aheadMs),
    monotonicMs: () => realClock.monotonicMs() + pastMs,
  };
  const stop = new AbortController();
  const made = createRoaming(
    {
      nodeId: 'p1',
      snapshot: () => snapshot,
      mesh: () => ({ tell: () => undefined, ask: () => undefined, carry: async () => true }),
      status,
      moved: () => undefined,
      send: (message) => void sent.push(message),
      clock,
      log: { info: () => undefined, warn: () => undefined },
    },
    stop.signal,
  );
  const revoke = (id: string): void => {
    const record = clone(NodeSchema, snapshot.nodes.get(id)?.record ?? create(NodeSchema));
    record.revokedAt = create(TimestampSchema, { seconds: 1n });
    const event = { kind: 'node', id, stored: { record, revision: 10n } } as const;
    ({ snapshot } = fold(snapshot, { revision: 10n, relisted: false, events: [event] }));
    made.beat();
  };
  const later = (ms: number): void => {
    pastMs += ms;
    made.beat();
  };
  const forgotten = (): readonly string[] =>
    sent.flatMap((message) => (message.type === 'forget' ? message.peers.map(([key]) => key) : []));
  /** Somebody sets the wall clock: so far ahead of what it was. */
  const setClock = (ms: number): void => {
    aheadMs = ms;
  };
  /** The privileged half has heard so many bytes from the tunnel, whenever it is asked. */
  const answer = async (bytes: number): Promise<void> => {
    const asked = sent.findLast((message) => message.type === 'ask-contact');
    if (asked?.type === 'ask-contact')
      made.heard({ type: 'contact', number: asked.number, peers: [[testKey(7), bytes]] });
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { made, status, tunnelId, revoke, later, forgotten, setClock, answer };
}
const claim = (tunnelId: string, nodeId: string, sequence = 2) => ({ tunnelId, nodeId, sequence, handshakeMs: 1 });

test('a node has a say in tunnels that there are, and that are placed at its PoP, alone [S6]', () => {
  const { made, tunnelId } = roaming(['p1', 'p2']);
  made.told('p3', [claim(tunnelId, 'p3'), claim('invented', 'p2'), claim(tunnelId, 'invented')]);
  expect([made.holderOf(tunnelId), made.holderOf('invented')]).toEqual([undefined, undefined]);
  made.asked('p3', [{ tunnelId, speaks: true }]);
  made.asked('p2', [{ tunnelId: 'invented', speaks: true }]);
  expect([made.stayOf(tunnelId).alsoAt, made.stayOf('invented').alsoAt]).toEqual([[], []]);
  made.told('p3', [claim(tunnelId, 'p2')]);
  made.asked('p2', [{ tunnelId, speaks: true }]);
  expect(made.holderOf(tunnelId)).toBe('p2');
  made.seen([{ tunnelId, handshakeMs: 5_000 }]);
  expect(made.stayOf(tunnelId)).toMatchObject({ nodeId: 'p1', moves: 2, alsoAt: ['p2'] });
});

test('while the records are those of a while ago, where a tunnel is placed may have changed', () => {
  const { made, status, tunnelId } = roaming(['p1']);
  status.update({ stale: true });
  made.told('p3', [claim(tunnelId, 'p3')]);
  expect(made.holderOf(tunnelId)).toBe('p3');
});

test('what a node held that was revoked is nobody’s, however high it counted [S6]', () => {
  const { made, tunnelId, revoke } = roaming(['p1', 'p2']);
  made.told('p2', [claim(tunnelId, 'p2', 2 ** 31 - 1)]);
  expect(made.holderOf(tunnelId)).toBe('p2');
  revoke('p2');
  expect(made.holderOf(tunnelId)).toBeUndefined();
  made.told('p3', [claim(tunnelId, 'p2', 2 ** 31 - 1)]);
  expect(made.holderOf(tunnelId)).toBeUndefined();
});

test('a client that went is let go once, when nothing can be on its way here any more; one that is back is not', () => {
  const { made, tunnelId, later, forgotten } = roaming(['p1', 'p2']);
  made.seen([{ tunnelId, handshakeMs: 1 }]);
  made.told('p2', [claim(tunnelId, 'p2')]);
  later(2_900);
  expect(forgotten()).toEqual([]);
  later(200);
  expect(forgotten()).toEqual([testKey(7)]);
  later(10_000);
  made.told('p2', [claim(tunnelId, 'p1', 3)]);
  made.told('p2', [claim(tunnelId, 'p2', 4)]);
  made.told('p2', [claim(tunnelId, 'p1', 5)]);
  later(4_000);
  expect(forgotten()).toEqual([testKey(7)]);
});

// Found by chaos (chaos/FOUND.md): what was heard at a time to come was heard for that long.
test('a tunnel that is silent here goes to where it speaks, though the clock was set meanwhile [A3]', async () => {
  const { made, tunnelId, later, setClock, answer } = roaming(['p1', 'p2']);
  made.seen([{ tunnelId, handshakeMs: 1 }]);
  setClock(40_000);
  made.asked('p2', [{ tunnelId, speaks: true }]);
  later(0);
  await answer(500);
  setClock(0);
  later(1_000);
  await answer(500);
  expect(made.holderOf(tunnelId)).toBe('p1');
  later(1_000);
  await answer(500);
  expect(made.holderOf(tunnelId)).toBe('p2');
});
