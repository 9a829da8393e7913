import { clone, create } from '@bufbuild/protobuf';
import { TimestampSchema } from '@bufbuild/protobuf/wkt';
import { expect, test } from 'vitest';
import { realClock } from '#internal/clock/clock.ts';
import { NodeSchema } from '#internal/gen/pop44/store/v1/records_pb.ts';
import { fold } from '#internal/model/model.ts';
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
  const stop = new AbortController();
  const made = createRoaming(
    {
      nodeId: 'p1',
      snapshot: () => snapshot,
      mesh: () => ({ tell: () => undefined, ask: () => undefined, carry: async () => true }),
      status,
      moved: () => undefined,
      send: () => undefined,
      clock: realClock,
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
  return { made, status, tunnelId, revoke };
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
