import { create } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { Plane } from '#internal/gen/pop44/store/v1/records_pb.ts';
import { UpdateNodeRequestSchema } from '#internal/gen/pop44/v1/fabric_pb.ts';
import { commandContext } from '#internal/testkit/command-context.ts';
import { altered, with3 } from '#internal/testkit/tunnel-requests.ts';
import { updateNode } from './update-node.ts';

const restarted = (plane: Plane, snapshot = with3) => {
  const request = create(UpdateNodeRequestSchema, { node: 'p1', restartRouting: plane });
  return updateNode(snapshot, request, commandContext(snapshot));
};

test('each restart is one generation more of that BIRD alone, over the end of its numbers too [N8]', () => {
  expect(restarted(Plane.POP)).toMatchObject({
    response: { node: { popRoutingGeneration: 1, transportRoutingGeneration: 0 } },
  });
  const last = altered('node', 'p1', { transportRoutingGeneration: 2 ** 32 - 1, popRoutingGeneration: 7 });
  expect(restarted(Plane.TRANSPORT, last)).toMatchObject({
    response: { node: { popRoutingGeneration: 7, transportRoutingGeneration: 0 } },
  });
});

test('a BIRD that no node has is refused', () => {
  expect(restarted(3 as Plane)).toMatchObject({
    message: 'restart_routing: "3" is none of the BIRDs of a node (1 (transport) or 2 (pop))',
  });
});
