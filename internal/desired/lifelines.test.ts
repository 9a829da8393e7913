import { clone } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { NodeSchema, PopKind, PopSchema, UpstreamSchema } from '#internal/gen/pop44/store/v1/records_pb.ts';
import { fold, type Snapshot } from '#internal/model/model.ts';
import type { RecordEvent } from '#internal/model/record.ts';
import { threePops } from '#internal/testkit/three-pops.ts';
import { desired } from './desired.ts';

const birds = (nodeId: string, snapshot: Snapshot) =>
  desired(snapshot, { nodeId, interconnectKeyFile: '/keys/own' }, new Set<string>()).bird;
const lifelines = (nodeId: string, snapshot: Snapshot) => {
  const bird = birds(nodeId, snapshot);
  return { transport: bird.get('transport')?.lifelines, pop: bird.get('pop')?.lifelines };
};
const after = (events: readonly RecordEvent[]): Snapshot =>
  fold(threePops(), { revision: 9n, relisted: false, events }).snapshot;
function recordOf<T>(stored: { readonly record: T } | undefined): T {
  if (stored === undefined) throw new Error('three PoPs have it');
  return stored.record;
}
const changedPop = (id: string, change: object): RecordEvent => {
  const record = Object.assign(clone(PopSchema, recordOf(threePops().pops.get(id))), change);
  return { kind: 'pop', id, stored: { revision: 9n, record } };
};
const changedNode = (id: string, change: object): RecordEvent => {
  const record = Object.assign(clone(NodeSchema, recordOf(threePops().nodes.get(id))), change);
  return { kind: 'node', id, stored: { revision: 9n, record } };
};

const upstream = { to: 'upstreams', sessions: ['p44u_p1_pop_4', 'p44u_p1_pop_6'] };

test('every session of a lifeline is one of the text', () => {
  for (const { text, lifelines: lines } of birds('p1', threePops()).values())
    for (const name of lines.flatMap(({ sessions }) => sessions)) expect(text).toContain(`protocol bgp ${name} {`);
});

test('sessions of interconnects with COREs of other PoPs, and of upstreams by plane', () => {
  expect(lifelines('p1', threePops())).toEqual({
    transport: [{ to: 'upstreams', sessions: ['p44u_p1_transport_4', 'p44u_p1_transport_6'] }],
    pop: [{ to: 'cores', sessions: ['p44i_p1_p2_4', 'p44i_p1_p2_6', 'p44i_p1_p3_4', 'p44i_p1_p3_6'] }, upstream],
  });
});

test('not of a REGIONAL, nor of the other node of its own PoP, nor of one that was revoked', () => {
  const withP2 = [{ to: 'cores', sessions: ['p44i_p1_p2_4', 'p44i_p1_p2_6'] }, upstream];
  expect(lifelines('p1', after([changedPop('p3', { kind: PopKind.REGIONAL })])).pop).toEqual(withP2);
  expect(lifelines('p1', after([changedNode('p3', { popId: 'p1' })])).pop).toEqual(withP2);
  expect(lifelines('p1', after([changedNode('p3', { revokedAt: { seconds: 1n } })])).pop).toEqual(withP2);
});

test('a REGIONAL hangs on its COREs, and what has no session is no lifeline', () => {
  const gone = ['p1-p2', 'p1-p3'].map((id): RecordEvent => ({ kind: 'interconnect', id }));
  const regional = changedPop('p1', { kind: PopKind.REGIONAL });
  expect(lifelines('p1', after([regional])).pop?.[0]?.sessions).toHaveLength(4);
  expect(lifelines('p1', after([regional, ...gone])).pop).toEqual([upstream]);
});

test('of the endpoint alone in the families that the PoP has one of', () => {
  const record = Object.assign(clone(UpstreamSchema, recordOf(threePops().upstreams.get('p1-pop'))), { neighbor6: '' });
  const made = after([
    changedPop('p1', { endpoint6: '' }),
    { kind: 'upstream', id: 'p1-pop', stored: { revision: 9n, record } },
  ]);
  expect(lifelines('p1', made)).toMatchObject({
    transport: [{ sessions: ['p44u_p1_transport_4'] }],
    pop: [{ to: 'cores' }, { sessions: ['p44u_p1_pop_4'] }],
  });
});
