import { expect, test } from 'vitest';
import { PopKind } from '#internal/gen/pop44/store/v1/records_pb.ts';
import { fold, type Snapshot } from '#internal/model/model.ts';
import { decisionOf, joinOf, unjoined } from '#internal/testkit/fabric-requests.ts';

function withKinds(kinds: Readonly<Record<string, PopKind>>): Snapshot {
  const events = Object.entries(kinds).map(([id, kind]) => {
    const stored = unjoined.pops.get(id);
    if (stored === undefined) throw new Error(id);
    return { kind: 'pop', id, stored: { revision: 20n, record: { ...stored.record, kind } } } as const;
  });
  return fold(unjoined, { revision: 20n, relisted: false, events }).snapshot;
}
const club = withKinds({ p3: PopKind.MICRO });

test.each([
  ['a club, and nothing said', club, ''],
  ['a club, and what it gets', club, 'aggregates'],
  ['no club, and what it gets', unjoined, 'full'],
  ['a REGIONAL', withKinds({ p3: PopKind.REGIONAL }), 'full'],
])('an interconnect is made: %s [N2]', (_, snapshot, routes) => {
  expect(decisionOf(joinOf('p1', 'p3', { routes }, snapshot)).writes).toHaveLength(2);
  expect(decisionOf(joinOf('p3', 'p1', { routes }, snapshot)).writes).toHaveLength(2);
});

test.each([
  [
    'a club that asks for full routes',
    joinOf('p1', 'p3', { routes: 'full' }, club),
    'interconnect.routes: "full" is not for p3, whose PoP is a MICRO (aggregates: the default route, and pools as a whole)',
  ],
  [
    'the same, named first',
    joinOf('p3', 'p1', { routes: 'full' }, club),
    'interconnect.routes: "full" is not for p3, whose PoP is a MICRO (aggregates: the default route, and pools as a whole)',
  ],
  [
    'a CORE that would get aggregates',
    joinOf('p1', 'p3', { routes: 'aggregates' }),
    'interconnect.routes: "aggregates" is not enough for p3, whose PoP is no MICRO (full: every route of the fabric)',
  ],
  [
    'another word',
    joinOf('p1', 'p3', { routes: 'all' }),
    'interconnect.routes: "all" is none of them (full or aggregates)',
  ],
  [
    'two clubs',
    joinOf('p1', 'p3', {}, withKinds({ p1: PopKind.MICRO, p3: PopKind.MICRO })),
    'interconnect.node_b: "p3" is of a MICRO PoP, as p1 is of another (a node of a CORE or REGIONAL at one end)',
  ],
])('it is refused: %s [N2]', (_, outcome, message) => {
  expect(outcome).toMatchObject({ refused: 'invalid', message });
});
