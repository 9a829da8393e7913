import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createPresence, type Sighting } from './presence.ts';

const quiet = (): void => undefined;

test('a handshake here is told once, a rekey is no news', () => {
  const presence = createPresence('p1', quiet);
  expect(presence.seen([{ tunnelId: 't', handshakeMs: 1 }])).toHaveLength(1);
  expect(presence.seen([{ tunnelId: 't', handshakeMs: 121_000 }])).toEqual([]);
  expect([...presence.here()]).toEqual(['t']);
});

test('the newest handshake holds the tunnel; the loser lets go [A3]', () => {
  const moves: string[][] = [];
  const presence = createPresence('p1', (here, moved) => moves.push([[...here].join(), moved.join()]));
  presence.seen([{ tunnelId: 't', handshakeMs: 5 }]);
  expect(presence.told('p2', [{ tunnelId: 't', handshakeMs: 9 }])).toEqual([]);
  expect(moves).toEqual([
    ['t', 't'],
    ['', 't'],
  ]);
});

test('a node that believes in an older handshake is corrected', () => {
  const presence = createPresence('p1', quiet);
  presence.seen([{ tunnelId: 't', handshakeMs: 5 }]);
  presence.seen([{ tunnelId: 't', handshakeMs: 100 }]);
  expect(presence.told('p2', [{ tunnelId: 't', handshakeMs: 50 }])).toEqual([{ tunnelId: 't', handshakeMs: 100 }]);
  expect([...presence.here()]).toEqual(['t']);
});

test('whatever the order of handshakes and news, one node holds each tunnel when all is told', () => {
  const ids = ['p1', 'p2', 'p3'];
  const event = fc.record({ node: fc.nat({ max: 2 }), tunnel: fc.constantFrom('a', 'b'), late: fc.boolean() });
  fc.assert(
    fc.property(fc.array(event), (events) => {
      const nodes = ids.map((id) => createPresence(id, quiet));
      const mail: { from: number; to: number; sightings: readonly Sighting[] }[] = [];
      const post = (from: number, sightings: readonly Sighting[]): void => {
        if (sightings.length > 0)
          for (let to = 0; to < nodes.length; to += 1) if (to !== from) mail.push({ from, to, sightings });
      };
      const deliver = (): void => {
        for (let letter = mail.pop(); letter !== undefined; letter = mail.pop()) {
          const back = nodes[letter.to]?.told(ids[letter.from] ?? '', letter.sightings) ?? [];
          if (back.length > 0) mail.push({ from: letter.to, to: letter.from, sightings: back });
        }
      };
      events.forEach((each, at) => {
        post(each.node, nodes[each.node]?.seen([{ tunnelId: each.tunnel, handshakeMs: at + 1 }]) ?? []);
        if (!each.late) deliver();
      });
      deliver();
      for (const tunnel of new Set(events.map((each) => each.tunnel))) {
        const last = events.findLastIndex((each) => each.tunnel === tunnel);
        expect(nodes.map((node) => node.here().has(tunnel))).toEqual(ids.map((_, at) => at === events[last]?.node));
      }
    }),
  );
});
