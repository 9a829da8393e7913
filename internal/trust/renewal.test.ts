import { clone } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { PopKind, PopSchema } from '#internal/gen/pop44/store/v1/records_pb.ts';
import { fold } from '#internal/model/model.ts';
import { threePops } from '#internal/testkit/three-pops.ts';
import { nodesToAsk } from './trust.ts';

test('a next certificate is asked of nodes of COREs alone, and of the node itself [S6]', () => {
  const pop = threePops().pops.get('p2')?.record;
  if (pop === undefined) throw new Error('no p2');
  const record = Object.assign(clone(PopSchema, pop), { kind: PopKind.REGIONAL });
  const events = [{ kind: 'pop', id: 'p2', stored: { record, revision: 9n } } as const];
  const { snapshot } = fold(threePops(), { revision: 9n, relisted: false, events });
  const asked = (nodeId: string) => nodesToAsk(snapshot, nodeId).map(({ id }) => id);
  expect(asked('p1')).toEqual(['p1', 'p3']);
  expect(asked('p2')).toEqual(['p1', 'p2', 'p3']);
});
