import { clone, create } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { DrainSchema, NodeSchema } from '#internal/gen/pop44/store/v1/records_pb.ts';
import { fold } from '#internal/model/model.ts';
import { pairSnapshot } from '#internal/testkit/pair.ts';
import { desired } from './desired.ts';

const low = 'bgp_community.add((65535, 0));';

function textsOf(nodeId: string, drained = ''): Readonly<Record<'pop' | 'transport', string>> {
  const base = pairSnapshot();
  const node = clone(NodeSchema, base.nodes.get(drained)?.record ?? create(NodeSchema));
  node.drain = create(DrainSchema);
  const event = { kind: 'node', id: drained, stored: { record: node, revision: 3n } } as const;
  const snapshot = drained === '' ? base : fold(base, { revision: 3n, relisted: false, events: [event] }).snapshot;
  const made = desired(snapshot, { nodeId, interconnectKeyFile: '/keys/interconnect' }, new Set<string>());
  const of = (netns: string): string => made.bird.get(netns)?.text ?? '';
  return { pop: of('pop'), transport: of('transport') };
}

test('routes with the metric of a node that goes are told so, and lose against whoever else has them [N8]', () => {
  const { pop, transport } = textsOf('p3');
  for (const text of [pop, transport]) expect(text).toContain(`if krt_metric = 3000 then { preference = 90; ${low} }`);
  expect(pop).toContain('if (65535, 0) ~ bgp_community then bgp_local_pref = 0;');
});

test('a drained node tells neighbours that others have better ways, but not to what is its own; others tell as ever [N8]', () => {
  const [{ pop: inUse }, { pop: drained }, { pop: other }] = [textsOf('p1'), textsOf('p1', 'p1'), textsOf('p3', 'p1')];
  expect(drained).toContain(`then reject; if source = RTS_BGP then ${low} accept; }`);
  expect(inUse).not.toContain('source = RTS_BGP then bgp_community');
  expect(other).not.toContain('source = RTS_BGP then bgp_community');
});

test('siblings tell each other of a move by a second marker, of both families [N8]', () => {
  expect(textsOf('p3').transport).toContain('import where net ~ [ 192.0.0.8/32, 192.0.0.170/32 ];');
});
