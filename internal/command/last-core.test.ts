import { clone, create } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { expect, test } from 'vitest';
import { NodeSchema, PopKind } from '#internal/gen/pop44/store/v1/records_pb.ts';
import { DeleteInterconnectRequestSchema } from '#internal/gen/pop44/v1/fabric_pb.ts';
import type { Snapshot } from '#internal/model/model.ts';
import { context, decisionOf, fabric } from '#internal/testkit/fabric-requests.ts';
import { createLedger } from '#internal/testkit/ledger.ts';
import { altered, changed } from '#internal/testkit/tunnel-requests.ts';
import { deleteInterconnect } from './command.ts';

const regional = altered('pop', 'p3', { kind: PopKind.REGIONAL });
const onlyP1 = changed(regional, { kind: 'interconnect', id: 'p2-p3' });
const leave = (snapshot: Snapshot, interconnect: string, force = false) =>
  deleteInterconnect(snapshot, create(DeleteInterconnectRequestSchema, { interconnect, force }), context);

test('the last interconnect of a node with a CORE is not deleted, unless forced [N8]', () => {
  expect(leave(onlyP1, 'p1-p3')).toMatchObject({
    refused: 'in-use',
    message:
      'interconnect: "p1-p3" is the last one of node p3 with a CORE, which would be cut off ' +
      '(pop44 interconnect create p3 and a node of another CORE before, or --force)',
  });
  expect(decisionOf(leave(onlyP1, 'p1-p3', true)).writes).toEqual([
    { op: 'delete', kind: 'interconnect', id: 'p1-p3' },
  ]);
});

test('of the two of a REGIONAL that are deleted at the same moment one stays [N8]', () => {
  const ledger = createLedger(regional);
  const [one, other] = [decisionOf(leave(regional, 'p1-p3')), decisionOf(leave(regional, 'p2-p3'))];
  expect(ledger.commit(one)).toBeDefined();
  expect(ledger.commit(other)).toBeUndefined();
  expect(leave(ledger.snapshot, 'p2-p3')).toMatchObject({ refused: 'in-use' });
});

test('a node that was revoked is not cut off any more, and is no way for others', () => {
  const revoked = (snapshot: Snapshot, id: string): Snapshot => {
    const record = clone(NodeSchema, fabric.nodes.get(id)?.record ?? create(NodeSchema));
    record.revokedAt = timestampFromDate(new Date(0));
    return changed(snapshot, { kind: 'node', id, stored: { revision: 9n, record } });
  };
  expect(decisionOf(leave(revoked(onlyP1, 'p3'), 'p1-p3')).writes).toHaveLength(1);
  const withoutP2 = revoked(regional, 'p2');
  expect(leave(withoutP2, 'p1-p3')).toMatchObject({ refused: 'in-use' });
  expect(decisionOf(leave(withoutP2, 'p2-p3')).writes).toHaveLength(1);
});
