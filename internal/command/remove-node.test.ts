import { clone, create } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { NodeSchema, PopKind, PopSchema } from '#internal/gen/pop44/store/v1/records_pb.ts';
import { RemoveNodeRequestSchema } from '#internal/gen/pop44/v1/fabric_pb.ts';
import { CreateJoinTokenRequestSchema } from '#internal/gen/pop44/v1/trust_pb.ts';
import type { Snapshot } from '#internal/model/model.ts';
import type { Decision } from '#internal/model/record.ts';
import { grouped } from '#internal/testkit/anycast-group.ts';
import { context, decisionOf, fabric, nodeOf } from '#internal/testkit/fabric-requests.ts';
import { createLedger } from '#internal/testkit/ledger.ts';
import { heartbeats, pairSnapshot } from '#internal/testkit/pair.ts';
import { altered, changed, with3 } from '#internal/testkit/tunnel-requests.ts';
import { createJoinToken, removeNode } from './command.ts';

const remove = (snapshot: Snapshot, node: string, rest: object = {}) =>
  removeNode(snapshot, create(RemoveNodeRequestSchema, { node, ...rest }), context);
const says = (outcome: unknown): string => (outcome as { message?: string }).message ?? 'granted';
const deleted = ({ writes }: Decision): readonly string[] =>
  writes.flatMap(({ op, kind, id }) => (op === 'delete' ? [`${kind} ${id}`] : [])).sort();
const after = (snapshot: Snapshot, decision: Decision): Snapshot => {
  const ledger = createLedger(snapshot);
  if (ledger.commit(decision) === undefined) throw new Error('not committed');
  return ledger.snapshot;
};
const withSecond = after(fabric, decisionOf(nodeOf()));

test('a node goes with its interconnects and upstreams, and its name is free again [N7] [S6]', () => {
  expect(deleted(decisionOf(remove(fabric, 'p3', { force: true })))).toEqual([
    ...['interconnect p1-p3', 'interconnect p2-p3', 'node p3', 'upstream p3-pop', 'upstream p3-transport'],
  ]);
  const left = after(pairSnapshot(), decisionOf(remove(pairSnapshot(), 'p4')));
  expect([...left.nodes.keys()].sort()).toEqual(['p1', 'p2', 'p3']);
  expect(says(nodeOf({}, after(withSecond, decisionOf(remove(withSecond, 'p1b')))))).toBe('granted');
});

test('what is sealed to it leaves the record of its PoP, and nothing else does', () => {
  const sealed = { p3: new Uint8Array([1]), p4: new Uint8Array([2]), '@recovery': new Uint8Array([3]) };
  const base = pairSnapshot();
  const pop = base.pops.get('p3');
  if (pop === undefined) throw new Error('no p3');
  const record = Object.assign(clone(PopSchema, pop.record), { sealedAccessKey: sealed });
  const keyed = changed(base, { kind: 'pop', id: 'p3', stored: { revision: 3n, record } });
  for (const keepPlace of [false, true]) {
    const left = after(keyed, decisionOf(remove(keyed, 'p4', { keepPlace })));
    expect(Object.keys(left.pops.get('p3')?.record.sealedAccessKey ?? {}).sort()).toEqual(['@recovery', 'p3']);
  }
});

test('what is sealed to it leaves the record of its anycast group, and what the others have stays', () => {
  const sealedAccessKey = { p1: new Uint8Array([1]), p3: new Uint8Array([2]), p4: new Uint8Array([3]) };
  const shared = grouped(pairSnapshot(), ['p1', 'p3'], { sealedAccessKey });
  for (const keepPlace of [false, true]) {
    const left = after(shared, decisionOf(remove(shared, 'p4', { keepPlace })));
    expect(Object.keys(left.anycasts.get('coast')?.record.sealedAccessKey ?? {}).sort()).toEqual(['p1', 'p3']);
  }
});

test('its place is kept for another machine, with its heartbeat: a new one would else carry the PoP beside its sibling [N7]', () => {
  const left = after(pairSnapshot(), decisionOf(remove(pairSnapshot(), 'p4', { keepPlace: true })));
  expect(left.nodes.get('p4')?.record.revokedAt).toBeDefined();
  const secretHash = new Uint8Array(32);
  const token = createJoinToken(
    left,
    create(CreateJoinTokenRequestSchema, { node: { id: 'p4' }, secretHash }),
    context,
  );
  const next = after(left, decisionOf(token));
  expect([...next.jointokens.values()][0]?.record.node).toMatchObject({
    ...{ id: 'p4', popId: 'p3', asn: 4_200_000_004, underlay4: '198.18.4.2', heartbeat: heartbeats.p4 },
  });
  // Tried again, and then given up altogether: its token goes too.
  expect(says(remove(next, 'p4', { keepPlace: true }))).toBe('granted');
  expect(deleted(decisionOf(remove(next, 'p4'))).some((what) => what.startsWith('jointoken '))).toBe(true);
});

const regional = (...ids: readonly string[]): Snapshot =>
  ids.reduce((before, id) => {
    const stored = altered('pop', id, { kind: PopKind.REGIONAL }).pops.get(id);
    return stored === undefined ? before : changed(before, { kind: 'pop', id, stored });
  }, fabric);

/** p1 and p3 have no interconnect but with p2, which is not alone in its PoP. */
function reachedByP2Alone(): Snapshot {
  const p4 = pairSnapshot().nodes.get('p4');
  if (p4 === undefined) throw new Error('no p4');
  const record = Object.assign(clone(NodeSchema, p4.record), { popId: 'p2' });
  const moved = { kind: 'node', id: 'p4', stored: { revision: 4n, record } } as const;
  return changed(fabric, { kind: 'interconnect', id: 'p1-p3' }, moved);
}

test.each([
  ['the last of its PoP', fabric, 'p3', 'is the last node of PoP p3, which then has none'],
  ['one that carries tunnels', with3, 'p1', 'is the last node of PoP p1, which carries 3 tunnels'],
  ['the last CORE', regional('p2', 'p3'), 'p1', 'is the last node of PoP p1, the last CORE, which then has none'],
  [
    'the only one that announces',
    ['p2-pop', 'p3-pop'].reduce((before, id) => changed(before, { kind: 'upstream', id }), withSecond),
    'p1',
    'is the last that announces the pools to anybody',
  ],
  ["another one's last way", reachedByP2Alone(), 'p2', 'is the last way of node p1 to a CORE'],
])('refused unless forced: %s', (_, snapshot, node, problem) => {
  expect(says(remove(snapshot, node))).toContain(problem);
  expect(says(remove(snapshot, node))).toContain('(another one in its place before, or --force)');
  expect(says(remove(snapshot, node, { force: true }))).toBe('granted');
});

test('the last node in force stays, forced or not; an unknown one and a stale etag change nothing', () => {
  const alone = ['p2', 'p3'].reduce((before, id) => changed(before, { kind: 'node', id }), fabric);
  expect(says(remove(alone, 'p1', { force: true }))).toContain('is the last node in force (join another one first)');
  expect(remove(fabric, 'p9')).toMatchObject({ refused: 'not-found', field: 'node', value: 'p9' });
  expect(remove(fabric, 'p3', { change: { etag: '99' }, force: true })).toMatchObject({ refused: 'stale-etag' });
});

test('of two nodes that go at the same moment, each the other one of a PoP, one stays', () => {
  const both = pairSnapshot();
  const ledger = createLedger(both);
  const [one, other] = [decisionOf(remove(both, 'p3')), decisionOf(remove(both, 'p4'))];
  expect(ledger.commit(one)).toBeDefined();
  expect(ledger.commit(other)).toBeUndefined();
  expect(says(remove(ledger.snapshot, 'p4'))).toContain('is the last node of PoP p3');
});
