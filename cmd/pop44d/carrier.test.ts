import { expect, test } from 'vitest';
import { realClock } from '#internal/clock/clock.ts';
import type { Flow } from '#internal/dataplane/dataplane.ts';
import { fold } from '#internal/model/model.ts';
import type { FromNetwork } from '#internal/seam/seam.ts';
import { threePops, tunnelEvents } from '#internal/testkit/three-pops.ts';
import { createCarrier } from './carrier.ts';

const events = [...tunnelEvents(7, 9n), ...tunnelEvents(8, 9n)];
const { snapshot } = fold(threePops(), { revision: 9n, relisted: false, events });
const tunnels = [...snapshot.tunnels.values()].map(({ record }) => record);
const [own = '', other = ''] = tunnels.map(({ id }) => id);
const addressOf = (tunnelId: string): string =>
  snapshot.tunnels
    .get(tunnelId)
    ?.record.prefixes.find(({ prefix }) => prefix.includes('.'))
    ?.prefix.split('/')[0] ?? '';

const flowOf = (from: string, to = '198.18.0.1'): Flow => ({
  ...{ protocol: 'udp', from, to, fromPort: 1024, toPort: 53 },
  ...{ state: '', secondsLeft: 20, answered: true, assured: true, mark: 69 },
});

/** p1's; its kernel has these flows, every tunnel is where `at` says and came from p2, and p2 takes what it is asked at once or later. */
function carrier(at: { nodeId: string; sequence: number }, open: readonly Flow[] = [], refusals = 0) {
  const sent: FromNetwork[] = [];
  const told: (readonly [to: string, tunnelId: string, flows: readonly Flow[]])[] = [];
  const warned: string[] = [];
  let nowMs = 0;
  let left = refusals;
  const made = createCarrier(
    {
      nodeId: 'p1',
      snapshot: () => snapshot,
      presence: { claimOf: (tunnelId) => ({ tunnelId, handshakeMs: 1, ...at }), cameFrom: () => 'p2' },
      mesh: () => ({
        carry: async (to, tunnelId, flows) => {
          left -= 1;
          if (left >= 0) return false;
          told.push([to, tunnelId, flows]);
          return true;
        },
      }),
      send: (message) => {
        sent.push(message);
        if (message.type === 'ask-flows')
          queueMicrotask(() => made.heard({ type: 'open-flows', number: message.number, flows: open }));
      },
      clock: {
        ...realClock,
        monotonicMs: () => nowMs,
        sleep: async (ms) => {
          nowMs += ms;
        },
      },
      log: { info: () => undefined, warn: (event) => warned.push(event) },
    },
    new AbortController().signal,
  );
  return { made, sent, told, warned };
}
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('what is open of tunnels that leave goes to the node that each of them has moved to, by one look [A3]', async () => {
  const [mine, its, between] = [
    flowOf(addressOf(own)),
    flowOf('198.18.0.1', addressOf(other)),
    flowOf(addressOf(own), addressOf(other)),
  ];
  const { made, sent, told } = carrier({ nodeId: 'p2', sequence: 2 }, [mine, its, between, flowOf('44.31.3.3')]);
  made.left(own, 'p2');
  made.left(other, 'p2');
  await settled();
  expect(sent).toHaveLength(1);
  expect(sent[0]).toMatchObject({ type: 'ask-flows', prefixes: expect.arrayContaining([`${addressOf(own)}/32`]) });
  expect(told).toEqual([
    ['p2', own, [mine, between]],
    ['p2', other, [its, between]],
  ]);
});

test('a node that has not heard of the move yet is asked again, for some seconds', async () => {
  const late = carrier({ nodeId: 'p2', sequence: 2 }, [flowOf(addressOf(own))], 3);
  late.made.left(own, 'p2');
  await settled();
  expect(late.told).toHaveLength(1);
  const never = carrier({ nodeId: 'p2', sequence: 2 }, [flowOf(addressOf(own))], 1_000);
  never.made.left(own, 'p2');
  await settled();
  expect(never.told).toEqual([]);
  expect(never.warned).toEqual(['flows-not-carried']);
});

test('nothing goes to a node that has lost the tunnel again', async () => {
  const { made, told } = carrier({ nodeId: 'p3', sequence: 3 }, [flowOf(addressOf(own))]);
  made.left(own, 'p2');
  await settled();
  expect(told).toEqual([]);
});

test('only what is of the tunnel is taken, from the node that it came from, once for each move [A3] [S6]', () => {
  const at = { nodeId: 'p1', sequence: 2 };
  const { made, sent, warned } = carrier(at);
  const mine = flowOf('198.18.0.1', addressOf(own));
  const strange = [flowOf(addressOf(other)), flowOf('198.18.0.1', '198.18.0.2'), flowOf('no address')];
  expect(made.carried('p3', own, [mine])).toBe(false);
  expect(sent).toEqual([]);
  expect(made.carried('p2', own, [...strange, mine])).toBe(true);
  expect(sent).toEqual([{ type: 'carry-flows', flows: [mine] }]);
  expect(warned).toEqual(['flows-of-others']);
  expect(made.carried('p2', own, [mine])).toBe(false);
  at.sequence = 4;
  expect(made.carried('p2', own, strange)).toBe(true);
  expect(made.carried('p2', 'unknown', [mine])).toBe(true);
  at.nodeId = 'p2';
  at.sequence = 5;
  expect(made.carried('p2', own, [mine])).toBe(false);
  expect(sent).toHaveLength(1);
});
