import { expect, test } from 'vitest';
import { recorder } from '#internal/testkit/recorder.ts';
import { carryingNodes } from './carrying-nodes.ts';

test('a tunnel is carried by the nodes of its PoPs, and of those that share an endpoint with one of them [N8]', async () => {
  const pop = (id: string, anycastGroupId = '') => ({ id, anycastGroupId });
  const node = (id: string, popId: string) => ({ node: { id, popId } });
  const { client } = recorder({
    listPops: { pops: [pop('p1', 'coast'), pop('p2', 'coast'), pop('p3', 'inland'), pop('p4'), pop('p5')] },
    listNodes: {
      nodes: [node('a', 'p1'), node('b', 'p2'), node('c', 'p2'), node('d', 'p3'), node('e', 'p4'), node('f', 'p5')],
    },
  });
  expect(await carryingNodes(client, { popIds: ['p1', 'p4'] })).toEqual(['a', 'b', 'c', 'e']);
  expect(await carryingNodes(client, { popIds: ['p5'] })).toEqual(['f']);
  expect(await carryingNodes(client, { popIds: [] })).toEqual([]);
});
