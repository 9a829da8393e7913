import { create } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import type { Client } from '#internal/client/client.ts';
import { DrainNodeResponseSchema, ListNodesResponseSchema } from '#internal/gen/pop44/v1/fabric_pb.ts';
import { cli } from '#internal/testkit/cli-world.ts';
import { recorder } from '#internal/testkit/recorder.ts';

const node = { id: 'p3', drain: { by: 'admin/ada', reason: 'new disk' } };

/** A node that still carries something for so many looks. */
function draining(looks: number): { readonly client: Client; readonly asked: unknown[] } {
  const asked: unknown[] = [];
  let left = looks;
  const { client } = recorder({ waitApplied: { pendingNodeIds: [] } });
  const drainNode = async (request: unknown) => {
    asked.push(request);
    return create(DrainNodeResponseSchema, { changed: { revision: 7n }, node });
  };
  const listNodes = async () => {
    left -= 1;
    return create(ListNodesResponseSchema, { nodes: [{ node, drainPending: left >= 0 ? 'carries its PoP' : '' }] });
  };
  return { client: { ...client, fabric: { ...client.fabric, drainNode, listNodes } }, asked };
}

test('drain waits until nothing is carried, and says what is when the time is over [N8]', async () => {
  const { client, asked } = draining(2);
  const done = await cli(client, 'node drain p3 --reason disk --wait=5');
  expect(done.stderr).toContain('p3 carries nothing that another node can carry');
  expect(done.code).toBe(0);
  expect(asked).toMatchObject([{ node: 'p3', reason: 'disk', force: false }]);
  const late = await cli(draining(1_000).client, 'node drain p3 --wait=1');
  expect(late.code).toBe(4);
  expect(late.stderr).toContain('p3 still carries its PoP after 1 s');
});

test('node list shows who is drained, and what that waits for', async () => {
  expect((await cli(draining(1).client, 'node list')).stdout).toContain('DRAINED: carries its PoP');
  expect((await cli(draining(0).client, 'node list')).stdout).toMatch(/DRAINED\n$/);
});
