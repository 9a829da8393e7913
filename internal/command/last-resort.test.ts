import { create } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { type Network, Plane, PopKind } from '#internal/gen/pop44/store/v1/records_pb.ts';
import { CreateUpstreamRequestSchema, UpdateNodeRequestSchema } from '#internal/gen/pop44/v1/fabric_pb.ts';
import type { Snapshot } from '#internal/model/model.ts';
import { commandContext } from '#internal/testkit/command-context.ts';
import { decisionOf } from '#internal/testkit/fabric-requests.ts';
import { threePops } from '#internal/testkit/three-pops.ts';
import { altered } from '#internal/testkit/tunnel-requests.ts';
import { createUpstream } from './upstreams.ts';
import { updateNode } from './update-node.ts';

const update = (snapshot: Snapshot, node: string, lastResort: boolean) =>
  updateNode(snapshot, create(UpdateNodeRequestSchema, { node, lastResort }), commandContext(snapshot));
/** What the network's record says afterwards; undefined: it is not written. */
const named = (snapshot: Snapshot, node: string, lastResort: boolean): string | undefined => {
  const put = decisionOf(update(snapshot, node, lastResort)).writes.find(({ kind }) => kind === 'network');
  return put?.op === 'put' ? (put.record as Network).lastResortNodeId : undefined;
};
const ofP2 = altered('network', 'network', { lastResortNodeId: 'p2' });

test('the network names one node as its last resort: the newest, or none [N4]', () => {
  expect(named(threePops(), 'p2', true)).toBe('p2');
  expect(named(ofP2, 'p3', true)).toBe('p3');
  expect(named(ofP2, 'p2', false)).toBe('');
  expect([named(ofP2, 'p2', true), named(ofP2, 'p3', false)]).toEqual([undefined, undefined]);
  const { compares } = decisionOf(update(threePops(), 'p2', true));
  expect(compares).toContainEqual({ kind: 'network', id: 'network', revision: 1n });
});

test('a node that comes to announce does not become the last resort by its name [N4]', () => {
  const all = threePops();
  const before = { ...all, upstreams: all.upstreams.delete('p1-pop') };
  const upstream = { id: 'p1-pop', nodeId: 'p1', plane: Plane.POP, neighbor4: '198.18.11.1', neighborAsn: 64_500 };
  const made = createUpstream(before, create(CreateUpstreamRequestSchema, { upstream }), commandContext(before));
  expect(decisionOf(made).writes).toContainEqual(
    expect.objectContaining({
      kind: 'network',
      record: expect.objectContaining({ lastResortNodeId: 'p2' }) as unknown,
    }),
  );
});

test.each([
  ['of no CORE PoP', altered('pop', 'p2', { kind: PopKind.REGIONAL })],
  ['that announces pools to nobody', altered('upstream', 'p2-pop', { neighbor4: '', neighbor6: '' })],
  ['that was revoked', altered('node', 'p2', { revokedAt: { seconds: 1n, nanos: 0 } })],
])('a node %s is refused', (_, snapshot) => {
  expect(update(snapshot, 'p2', true)).toMatchObject({ refused: 'invalid', field: 'last_resort', value: 'true' });
});
