import { create } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { GetMeshResponseSchema } from '#internal/gen/pop44/v1/status_pb.ts';
import { cli } from '#internal/testkit/cli-world.ts';
import { recorder } from '#internal/testkit/recorder.ts';
import { legend, matrixText, oneWayText, weightLegend, weightsText } from './matrix.ts';

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
  expect(shown).toContain(`3 p3   150!    -    .\n\n${legend}\np3 hears core, core does not hear p3\n\nNODE`);
  const piped = (await cli(client, 'mesh')).stdout;
  expect(piped).toContain('core\teast\tyes\t0.4 ms\t\tno\ncore\tp3\tno\t\t\tyes\n');
  const answer = JSON.parse((await cli(client, '-o json mesh')).stdout) as unknown;
  expect(answer).toMatchObject({ cells: [{ fromNodeId: 'core', heard: true, oneWay: false }, {}, {}, {}] });
});

const paths = {
  nodes: [
    {
      state: { node: { id: 'core' } },
      paths: [
        { interconnectId: 'core-east', nodeId: 'east', up: true, verdict: 'good', weight: 16 },
        {
          interconnectId: 'core-p3',
          nodeId: 'p3',
          verdict: 'bad',
          weight: 1,
          detour: true,
          troubles: ['down', 'flapping'],
        },
      ],
    },
    { state: { node: { id: 'east' } } },
    {
      state: { node: { id: 'p3' } },
      paths: [
        { interconnectId: 'core-p3', nodeId: 'core', up: true, verdict: 'degraded', weight: 4, troubles: ['silent'] },
      ],
    },
  ],
};

test('weights: what each path is worth to whom, where there is none, and who does not tell', () => {
  expect(weightsText(create(GetMeshResponseSchema, paths))).toBe(
    ['         1   2   3', '1 core   .  16 1b+', '2 east   ?   .   ?', '3 p3    4d   -   .', ''].join('\n'),
  );
  expect(weightsText(create(GetMeshResponseSchema, three))).toBe('');
});

test('who is heard one way is told in words, once for a pair', () => {
  const oneWay = {
    cells: [cell('a', 'b', undefined, true), cell('b', 'a', 3, true), cell('a', 'c', 2), cell('c', 'a', 2)],
  };
  expect(oneWayText(create(GetMeshResponseSchema, oneWay))).toBe('b hears a, a does not hear b\n');
});

test('pop44 mesh: paths that are not good on a terminal with why, all of them in a pipe', async () => {
  const { client } = recorder({ getMesh: { ...three, ...paths } });
  const shown = (await cli(client, 'mesh', { isTTY: true })).stdout;
  expect(shown).toContain('p3 hears core, core does not hear p3\n');
  expect(shown).toContain(`\n${weightLegend}\n`);
  expect(shown).toMatch(/^core +p3 +core-p3 +down +bad +1\+ +down flapping$/m);
  expect(shown).toMatch(/^p3 +core +core-p3 +up +degraded +4 +silent$/m);
  expect(shown).not.toMatch(/^core +east/m);
  expect((await cli(client, 'mesh')).stdout).toContain(
    '\n\ncore\teast\tcore-east\tup\tgood\t16\t\ncore\tp3\tcore-p3\tdown',
  );
});

test('pop44 mesh: neighbours that announce what they may not, with how much was refused; none, no line of them', async () => {
  const refusals = [
    { session: 'p44i_p3_club_6', neighbourId: 'club', imported: 1000, refused: 4, limit: 1000, limitHit: true },
    { session: 'p44u_p3_isp_4', neighbourId: 'p3-isp', imported: 1, refused: 10_001, limit: 10, limitHit: false },
  ];
  const [node] = three.nodes;
  const told = { ...three, nodes: [{ ...node, state: { node: { id: 'p3' } }, refusals }] };
  const shown = (await cli(recorder({ getMesh: told }).client, 'mesh', { isTTY: true })).stdout;
  expect(shown).toMatch(/^FROM +NEIGHBOUR +SESSION +REFUSED +TAKEN +LIMIT$/m);
  expect(shown).toMatch(/^p3 +club +p44i_p3_club_6 +4 +1000 +1000 hit$/m);
  expect(shown).toMatch(/^p3 +p3-isp +p44u_p3_isp_4 +10001 +1 +10$/m);
  expect((await cli(recorder({ getMesh: three }).client, 'mesh', { isTTY: true })).stdout).not.toContain('REFUSED');
});

test('no line of the legend is wider than a terminal', () => {
  for (const line of `${legend}\n${weightLegend}`.split('\n')) expect(line.length).toBeLessThanOrEqual(80);
});
