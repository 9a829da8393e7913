// Mesh: which node hears which, and how each fares.

import type { Command } from 'commander';
import type { MeshCell, MeshNode } from '#internal/gen/pop44/v1/status_pb.ts';
import { type Column, timeText, yesNo } from './layout.ts';
import { legend, matrixText, oneWayText, weightLegend, weightsText } from './matrix.ts';
import { signedMs } from './node-columns.ts';
import { pathColumns, pathsOf, refusalColumns, refusalsOf } from './paths.ts';
import type { Session } from './session.ts';

/** In a pipe: a line for each pair and direction. */
const cellColumns: readonly Column<MeshCell>[] = [
  ['from', ({ fromNodeId }) => fromNodeId],
  ['to', ({ toNodeId }) => toNodeId],
  ['heard', ({ heard }) => yesNo(heard)],
  ['rtt', ({ rttMs }) => (rttMs === undefined ? '' : `${rttMs.toFixed(1)} ms`)],
  ['clock', ({ clockOffsetMs }) => (clockOffsetMs === undefined ? '' : signedMs(clockOffsetMs))],
  ['one way', ({ oneWay }) => yesNo(oneWay)],
];

/** `2026-11-25`. */
const dayText = (time: Parameters<typeof timeText>[0]): string => timeText(time).slice(0, 10);

const nodeColumns: readonly Column<MeshNode>[] = [
  ['node', ({ state }) => state?.node?.id ?? ''],
  ['pop', ({ state }) => state?.node?.popId ?? ''],
  ['connected', ({ state }) => yesNo(state?.connected ?? false)],
  ['behind', ({ behind }) => String(behind)],
  ['load', ({ state }) => (state?.connected === true ? state.load.toFixed(2) : '')],
  ['lag', ({ state }) => (state?.connected === true ? `${state.loopLagMs.toFixed(0)} ms` : '')],
  ['clock', ({ state }) => (state?.clockOffsetMs === undefined ? '' : signedMs(state.clockOffsetMs))],
  ['certificate ends', ({ certificateEnds }) => (certificateEnds === undefined ? '' : dayText(certificateEnds))],
];

export function meshVerb(mesh: Command, session: Session): void {
  mesh.action(async () => {
    const answer = await (await session.client()).status.getMesh({});
    if (session.wantsData()) await session.data(answer);
    else {
      const paths = pathsOf(answer);
      if (session.form() === 'columns') {
        session.print(`${matrixText(answer)}\n${legend}\n${oneWayText(answer)}`);
        if (paths.length > 0) session.print(`\n${weightsText(answer)}\n${weightLegend}\n`);
      } else await session.rows(answer.cells, cellColumns);
      await session.section(answer.nodes, nodeColumns);
      // On a terminal, what is as it should be stands in the matrix.
      const told = session.form() === 'columns' ? paths.filter(({ verdict }) => verdict !== 'good') : paths;
      await session.section(told, pathColumns);
      await session.section(refusalsOf(answer), refusalColumns);
    }
    session.aged(answer.freshness);
  });
}
