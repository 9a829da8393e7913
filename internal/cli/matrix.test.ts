import { create } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { GetMeshResponseSchema } from '#internal/gen/pop44/v1/status_pb.ts';
import { cli } from '#internal/testkit/cli-world.ts';
import { recorder } from '#internal/testkit/recorder.ts';
import { legend, matrixText } from './matrix.ts';

const nodesOf = (ids: readonly string[]) => ids.map((id) => ({ state: { node: { id } } }));
const cell = (fromNodeId: string, toNodeId: string, rttMs?: number, oneWay = false) => ({
  ...{ fromNodeId, toNodeId, heard: rttMs !== undefined, oneWay },
  ...(rttMs === undefined ? {} : { rttMs }),
});
const three = {
  nodes: nodesOf(['core', 'east', 'p3']),
  cells: [
    ...[cell('core', 'east', 0.4), cell('core', 'p3', undefined, true)],
    ...[cell('p3', 'core', 150.4, true), cell('p3', 'east')],
  ],
};

test('three nodes: RTT, silence, a mark where the sides differ, and what is not known', () => {
  expect(matrixText(create(GetMeshResponseSchema, three))).toBe(
    ['          1    2    3', '1 core    .   <1   -!', '2 east    ?    .    ?', '3 p3   150!    -    .', ''].join('\n'),
  );
});

test.each([
  ['twenty near ones, in one block', 99, 1],
  ['twenty far ones, in blocks with their names', 612, 2],
])('%s, within 80 columns', (_, rttMs, blocks) => {
  const ids = Array.from({ length: 20 }, (__, at) => `p${at + 1}`);
  const cells = ids.flatMap((from) => ids.filter((to) => to !== from).map((to) => cell(from, to, rttMs)));
  const text = matrixText(create(GetMeshResponseSchema, { nodes: nodesOf(ids), cells }));
  for (const line of text.split('\n')) expect(line.length).toBeLessThanOrEqual(80);
  expect(text.match(/^ *20 p20/gm)).toHaveLength(blocks);
  expect(text.match(/\d+(?= |$)/gm)?.filter((word) => word === String(rttMs))).toHaveLength(380);
});

test('pop44 mesh: the matrix and the nodes on a terminal, a line for each pair in a pipe', async () => {
  const { client } = recorder({ getMesh: three });
  const shown = (await cli(client, 'mesh', { isTTY: true })).stdout;
  expect(shown).toContain(`3 p3   150!    -    .\n\n${legend}\n\nNODE`);
  const piped = (await cli(client, 'mesh')).stdout;
  expect(piped).toContain('core\teast\tyes\t0.4 ms\t\tno\ncore\tp3\tno\t\t\tyes\n');
  const answer = JSON.parse((await cli(client, '-o json mesh')).stdout) as unknown;
  expect(answer).toMatchObject({ cells: [{ fromNodeId: 'core', heard: true, oneWay: false }, {}, {}, {}] });
});

test('no line of the legend is wider than a terminal', () => {
  for (const line of legend.split('\n')) expect(line.length).toBeLessThanOrEqual(80);
});
