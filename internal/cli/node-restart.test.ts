import { create } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import type { Client } from '#internal/client/client.ts';
import { Fault, refuse } from '#internal/errors/errors.ts';
import { UpdateNodeResponseSchema } from '#internal/gen/pop44/v1/fabric_pb.ts';
import { Refused } from '#internal/rpc/rpc.ts';
import { cli } from '#internal/testkit/cli-world.ts';
import { recorder } from '#internal/testkit/recorder.ts';

const state = (id: string, connected = true) => ({ node: { id, popId: id }, connected });
const link = (nodeA: string, nodeB: string) => ({ id: `${nodeA}-${nodeB}`, nodeA, nodeB });
const fabric = {
  listNodes: { nodes: [state('p1'), state('p2'), state('p3', false), state('p4')] },
  listInterconnects: { interconnects: [link('p1', 'p2'), link('p1', 'p3'), link('p2', 'p4')] },
};

/** `refuses`: what a change of the window is answered with. */
function world(waited: unknown, refuses: (open: boolean) => Error | undefined = () => undefined) {
  const { client, sent } = recorder({ ...fabric, waitApplied: waited });
  const changes: unknown[] = [];
  const updateNode = async ({ routingWindow, restartRouting }: Parameters<Client['fabric']['updateNode']>[0]) => {
    changes.push(routingWindow ?? restartRouting);
    const refusal = routingWindow === undefined ? undefined : refuses(routingWindow);
    if (refusal !== undefined) throw refusal;
    return create(UpdateNodeResponseSchema, { changed: { revision: 7n } });
  };
  return { client: { ...client, fabric: { ...client.fabric, updateNode } } as Client, sent, changes };
}

test('a restart waits for the node and for neighbours that can be asked, and for nobody when its window ends [N7]', async () => {
  const { client, sent, changes } = world({ pendingNodeIds: [] });
  const { code, stderr } = await cli(client, 'node restart-routing p1');
  expect([code, stderr]).toEqual([0, 'BIRD pop of p1 was started anew\n']);
  expect(changes).toEqual([true, 2, false]);
  const waits = sent.filter(({ method }) => method === 'waitApplied').map(({ request }) => request);
  expect(waits).toMatchObject([{ nodeIds: ['p1', 'p2'] }, { nodeIds: ['p1'] }]);
});

test('a window that a neighbour does not apply in time is ended all the same, and no BIRD is started anew [N7]', async () => {
  const { client, changes } = world([{ pendingNodeIds: ['p2'] }, new Fault('deadline', 'too late')]);
  const { code, stderr } = await cli(client, 'node restart-routing p1');
  expect([code, stderr]).toEqual([4, expect.stringContaining('not applied on p2 within 30 s') as unknown]);
  expect(changes).toEqual([true, false]);
});

test('one that cannot be ended is told, and of a node that is none there is none', async () => {
  const away = world(new Fault('deadline', 'too late'), (open) =>
    open ? undefined : new Fault('unavailable', 'away'),
  );
  const { stderr } = await cli(away.client, 'node restart-routing p1');
  expect(stderr).toContain('neighbours may still take a silence of p1 for a restart: away');
  expect(stderr).toContain('not known to be applied within 30 s');
  const refusal = new Refused(refuse('not-found', { field: 'node', value: 'p9', problem: 'is no node', cure: 'p1' }));
  const none = world({ pendingNodeIds: [] }, () => refusal);
  expect((await cli(none.client, 'node restart-routing p9')).stderr).not.toContain('silence');
});
