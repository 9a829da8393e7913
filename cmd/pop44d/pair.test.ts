import { clone, create } from '@bufbuild/protobuf';
import { ChannelCredentials } from '@grpc/grpc-js';
import { expect, test } from 'vitest';
import { realClock } from '#internal/clock/clock.ts';
import { NodeSchema } from '#internal/gen/pop44/store/v1/records_pb.ts';
import type { Whereabout } from '#internal/mesh/mesh.ts';
import { fold } from '#internal/model/model.ts';
import type { FromNetwork } from '#internal/seam/seam.ts';
import { createStatus } from '#internal/status/status.ts';
import { testKey, threePops, tunnelEvents } from '#internal/testkit/three-pops.ts';
import { createPairing } from './pair.ts';

const now = Date.UTC(2026, 0, 1);

/** p1's, whose sibling is p2; its privileged half is there and refuses orders for these reasons, then carries out. */
function pairing(refusals: string[] = []) {
  const before = threePops();
  const nodes = ['p1', 'p2'].map((id) => {
    const record = before.nodes.get(id)?.record ?? create(NodeSchema);
    const node = Object.assign(clone(NodeSchema, record), { popId: 'p1', heartbeat: `172.30.34.${id.slice(1)}` });
    return { kind: 'node', id, stored: { record: node, revision: 9n } } as const;
  });
  const events = [...nodes, ...tunnelEvents(7, 9n)];
  const { snapshot } = fold(before, { revision: 9n, relisted: false, events });
  const sent: FromNetwork[] = [];
  const expected: Whereabout[] = [];
  let leapMs = 0;
  const made = createPairing(
    {
      nodeId: 'p1',
      mesh: { addressOf: () => undefined },
      status: createStatus('p1'),
      snapshot: () => snapshot,
      credentials: () => ChannelCredentials.createInsecure(),
      expected: (peers) => expected.push(...peers),
      clock: { ...realClock, wall: () => new Date(now), monotonicMs: () => leapMs },
      send: (message) => {
        sent.push(message);
        if (message.type !== 'ask-takeover') return;
        const problem = refusals.shift() ?? '';
        queueMicrotask(() => made.heard({ type: 'taken-over', number: message.number, problem }));
      },
    },
    new AbortController().signal,
  );
  made.heard({ type: 'hello' } as never);
  const leap = (ms: number): void => {
    leapMs += ms;
  };
  return { made, sent, expected, leap, key: [...snapshot.tunnels.values()][0]?.record.publicKey ?? '' };
}

test('the privileged half is told where peers of ours are, and nothing else that a sibling says [S6]', () => {
  const { made, sent, expected, key } = pairing();
  const right: Whereabout = [key, '198.18.1.2:51820', now - 5, 'p44w0', 150];
  const wrong: readonly Whereabout[] = [
    [testKey(999), '198.18.1.2:51820', now, 'p44w0'],
    [key, '198.18.1.2 } ; flush ruleset:1', now, 'p44w0'],
    [key, '198.18.1.2:51820', now + 3_600_000, 'p44w0'],
    [key, '198.18.1.2:51820', Number(2n ** 63n), 'p44w0'],
    [key, '198.18.1.2:51820', now, 'lo'],
  ];
  expect(made.told('p2', [...wrong, right])).not.toBe('');
  expect(made.told('p2', wrong)).not.toBe('');
  expect(made.told('p3', [right])).toBe('');
  expect(sent).toEqual([{ type: 'whereabouts', peers: [right] }]);
  expect(expected).toEqual([right]);
  made.heard({ type: 'duty', role: 'active', epoch: 1, alarm: '' });
  made.told('p2', [[key, '198.18.1.2:51820', now - 1, 'p44w0', 150]]);
  expect(expected).toEqual([right]);
});

test('an order is carried out at most each 10 s; one that was refused may be tried again at once', async () => {
  const { made, leap } = pairing(['its way out is down']);
  expect(await made.takeOver()).toBe('its way out is down');
  const both = await Promise.all([made.takeOver(), made.takeOver()]);
  expect(both).toEqual(['', 'it was ordered to less than 10 s ago']);
  leap(9_999);
  expect(await made.takeOver()).toContain('less than 10 s ago');
  leap(1);
  expect(await made.takeOver()).toBe('');
});
