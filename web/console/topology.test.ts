import { create } from '@bufbuild/protobuf';
import { describe, expect, test } from 'vitest';
import { InterconnectSchema, PopSchema } from '#internal/gen/pop44/store/v1/records_pb.ts';
import { GetMeshResponseSchema, GetStatusResponseSchema } from '#internal/gen/pop44/v1/status_pb.ts';
import { cellsOf, type Network } from './network.ts';
import { tall, topology, wide } from './topology.ts';

const node = (id: string, popId: string, up: boolean) => ({
  state: { node: { id, popId }, connected: up, failingSteps: 0 },
  paths: [],
});

function network(pops: number): Network {
  const ids = Array.from({ length: pops }, (_, at) => `pop${at + 1}`);
  const link = { interconnectId: 'i12', nodeId: 'n2', up: true, troubles: [] };
  return {
    status: create(GetStatusResponseSchema, { tunnels: 3n }),
    mesh: create(GetMeshResponseSchema, {
      nodes: ids.map((id, at) => ({ ...node(`n${at + 1}`, id, at !== 1), ...(at === 0 && { paths: [link] }) })),
      cells: [{ fromNodeId: 'n1', toNodeId: 'n2', heard: true, rttMs: 12.4 }],
    }),
    pops: ids.map((id) => create(PopSchema, { id, description: '<script>' })),
    interconnects: [create(InterconnectSchema, { id: 'i12', nodeA: 'n1', nodeB: 'n2' })],
  };
}

describe.each([wide, tall])('$name', ({ places, width, height, box }) => {
  test.each([1, 2, 3, 4, 7, 12])('%d PoPs stand apart, inside the drawing', (count) => {
    const at = [...places(Array.from({ length: count }, (_, index) => String(index))).values()];
    expect(new Set(at.map(({ x, y }) => `${x} ${y}`)).size).toBe(count);
    for (const { x, y } of at) {
      expect(x >= box.width / 2 && x <= width - box.width / 2).toBe(true);
      expect(y >= box.height / 2 && y <= height(count) - box.height / 2).toBe(true);
    }
  });
});

test.each([2, 3, 8, 25])('on a phone no box of %d lies on another', (count) => {
  const at = [...tall.places(Array.from({ length: count }, (_, index) => String(index))).values()];
  const meet = at.flatMap((a, index) =>
    at.slice(index + 1).filter((b) => Math.abs(a.x - b.x) < tall.box.width && Math.abs(a.y - b.y) < tall.box.height),
  );
  expect(meet).toEqual([]);
});

test('a node that is not heard, and a link that is up, are seen as such', () => {
  const world = network(3);
  const cells = cellsOf(world);
  expect(cells.get('pop/pop1')).toEqual({ text: 'in order', colour: 'up' });
  expect(cells.get('pop/pop2')).toEqual({ text: 'not heard', colour: 'bad' });
  expect(cells.get('link/i12')).toEqual({ text: 'up', colour: 'up' });
  expect(cells.get('link/i12/rtt')?.text).toBe('12 ms');
  expect(cells.get('network/nodes')).toEqual({ text: '2 of 3', colour: 'bad' });
  const { text } = topology(world, cells);
  expect(text).toContain('class="pop bad"');
  expect(text).toMatch(/<path [^>]*class="up"/);
  expect(text).not.toContain('<script>');
});
