import { expect, test } from 'vitest';
import type { BgpCounts } from '#internal/dataplane/dataplane.ts';
import { withClub } from '#internal/testkit/club.ts';
import { refusalsOf } from './desired.ts';

const quiet: Omit<BgpCounts, 'session'> = {
  ...{ family: 4, imported: 3, received: 3, rejected: 0, filtered: 0, ignored: 0, accepted: 3 },
  ...{ limit: 1000, limitHit: false },
};
const of = (session: string, change: Partial<BgpCounts> = {}): BgpCounts => ({ ...quiet, session, ...change });
const told = (...counts: readonly BgpCounts[]) =>
  refusalsOf(withClub(), 'p1', counts).map(({ neighbourId, session, refused, limitHit }) =>
    [neighbourId, session, refused, ...(limitHit ? ['hit'] : [])].join(' '),
  );

test('clubs and upstreams that announce what they may not are told by who they are, the worst first [N2]', () => {
  expect(
    told(
      of('p44i_p1_p3_4', { filtered: 6, rejected: 1 }),
      of('p44u_p1_pop_6', { filtered: 10_001 }),
      of('p44u_p1_transport_4', { filtered: 1 }),
      of('p44i_p1_p3_6', { filtered: 4, limitHit: true }),
    ),
  ).toEqual([
    'p3 p44i_p1_p3_6 4 hit',
    'p1-pop p44u_p1_pop_6 10001',
    'p3 p44i_p1_p3_4 7',
    'p1-transport p44u_p1_transport_4 1',
  ]);
});

test('who announces what it may is not told, nor what is known already, nor a session that no record has', () => {
  expect(told(of('p44i_p1_p3_4'), of('p44u_p1_pop_4', { ignored: 5 }), of('else_4', { filtered: 9 }))).toEqual([]);
});

test('of nodes of one trust the limit alone counts', () => {
  expect(told(of('p44i_p1_p2_4', { filtered: 2 }), of('p44i_p1_p2_2_6', { limitHit: true }))).toEqual([
    'p2 p44i_p1_p2_2_6 0 hit',
  ]);
});

test('a node that the records do not know refuses nothing', () => {
  expect(refusalsOf(withClub(), 'p9', [of('p44i_p1_p3_4', { filtered: 6 })])).toEqual([]);
});
