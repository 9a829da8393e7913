import { clone, create } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { expect, test } from 'vitest';
import { UpdateNodeRequestSchema } from '#internal/gen/pop44/v1/fabric_pb.ts';
import { NodeSchema } from '#internal/gen/pop44/store/v1/records_pb.ts';
import { fold, type Snapshot } from '#internal/model/model.ts';
import { commandContext } from '#internal/testkit/command-context.ts';
import { decisionOf } from '#internal/testkit/fabric-requests.ts';
import { heartbeats, pairSnapshot } from '#internal/testkit/pair.ts';
import { heartbeatField } from './heartbeat.ts';
import { updateNode } from './update-node.ts';

const snapshot = pairSnapshot();
const ofP3 = (value: string) => heartbeatField(snapshot, 'heartbeat', { id: 'p3', popId: 'p3' }, value);

test("a heartbeat address is one of the node alone, of the family of its sibling's; none is none", () => {
  expect(ofP3('172.30.34.1')).toBe('172.30.34.1');
  expect(heartbeatField(pairSnapshot({ heartbeat: '' }), 'heartbeat', { id: 'p3', popId: 'p3' }, '')).toBe('');
  expect(heartbeatField(snapshot, 'heartbeat', { id: 'p1', popId: 'p1' }, 'FD44::0:1')).toBe('fd44::1');
});

test.each([
  ['no address', '172.30.34', 'invalid'],
  ['a network', '172.30.34.0/24', 'invalid'],
  ['no address of one machine', '224.0.0.1', 'invalid'],
  ["the sibling's own", heartbeats.p4, 'already-exists'],
  ["another node's address outside", '198.18.1.2', 'already-exists'],
  ['of another family than the sibling has', 'fd44::1', 'invalid'],
])('%s is refused', (_, value, refused) => {
  expect(ofP3(value)).toMatchObject({ refused, field: 'heartbeat', value });
});

test('a third heartbeat in a PoP is refused: it would end the pair that is there', () => {
  expect(heartbeatField(snapshot, 'heartbeat', { id: 'p5', popId: 'p3' }, '172.30.34.3')).toMatchObject({
    refused: 'already-exists',
    message: expect.stringContaining('third in PoP p3, after p3 and p4'),
  });
  expect(heartbeatField(snapshot, 'heartbeat', { id: 'p5', popId: 'p3' }, '')).toBe('');
});

test('one of a pair keeps its heartbeat: without it both would carry the PoP', () => {
  expect(ofP3('')).toMatchObject({ refused: 'in-use', cure: 'revoke p3 or p4 first' });
  // The one that is left when the other was revoked may.
  const revokedAt = timestampFromDate(new Date(0));
  expect(heartbeatField(pairSnapshot({ revokedAt }), 'heartbeat', { id: 'p3', popId: 'p3' }, '')).toBe('');
});

const updated = (of: Snapshot, node: string, change: { heartbeat?: string; uplinkBitPerSecond?: bigint }) =>
  updateNode(of, create(UpdateNodeRequestSchema, { node, ...change }), commandContext(of));

test('who changes a heartbeat does so alone, so that of three at once two get one; an uplink is no business of it', () => {
  const kinds = (change: Parameters<typeof updated>[2]) =>
    decisionOf(updated(snapshot, 'p3', change)).compares.map(({ kind }) => kind);
  expect(kinds({ heartbeat: '172.30.34.9' })).toContain('network');
  expect(kinds({ uplinkBitPerSecond: 1_000_000_000n })).toEqual(['node']);
});

test('where three have one all the same, each may give it up', () => {
  const third = snapshot.nodes.get('p4');
  if (third === undefined) throw new Error('no p4');
  const record = Object.assign(clone(NodeSchema, third.record), { id: 'p5', heartbeat: '172.30.34.3' });
  const event = { kind: 'node', id: 'p5', stored: { revision: 3n, record } } as const;
  const three = fold(snapshot, { revision: 3n, relisted: false, events: [event] }).snapshot;
  expect(decisionOf(updated(three, 'p5', { heartbeat: '' })).writes).toContainEqual(
    expect.objectContaining({ kind: 'node', id: 'p5', record: expect.objectContaining({ heartbeat: '' }) }),
  );
  expect(decisionOf(updated(three, 'p3', { uplinkBitPerSecond: 1_000_000_000n })).writes).toHaveLength(1);
});
