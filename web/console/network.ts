// Network: PoPs, nodes and links as a console shows them, out of what one daemon tells.

import { timestampDate } from '@bufbuild/protobuf/wkt';
import type { Client } from '#internal/client/client.ts';
import type { Interconnect, Pop } from '#internal/gen/pop44/store/v1/records_pb.ts';
import type { GetMeshResponse, GetStatusResponse, MeshNode } from '#internal/gen/pop44/v1/status_pb.ts';
import type { CallOptions } from '#internal/rpc/rpc.ts';
import { type Cells, type Cell, cell, type Colour } from './cells.ts';

export interface Network {
  readonly status: GetStatusResponse;
  readonly mesh: GetMeshResponse;
  readonly pops: readonly Pop[];
  readonly interconnects: readonly Interconnect[];
}

export async function readNetwork(client: Client, call: CallOptions): Promise<Network> {
  const [status, mesh, { pops }, { interconnects }] = await Promise.all([
    client.status.getStatus({}, call),
    client.status.getMesh({}, call),
    client.fabric.listPops({}, call),
    client.fabric.listInterconnects({}, call),
  ]);
  return { status, mesh, pops, interconnects };
}

export const idOf = ({ state }: MeshNode): string => state?.node?.id ?? '';
const ms = (value: number | undefined): string =>
  value === undefined ? '' : value < 1 ? '< 1 ms' : `${Math.round(value)} ms`;

/** Revisions that a node may be behind for as long as it takes to apply them. */
const usualLag = 20n;

function health({ state, behind }: MeshNode): Cell {
  if (state?.connected !== true) return cell('not heard', 'bad');
  if (state.held !== '') return cell('brake holds', 'bad');
  if (state.failingSteps > 0)
    return cell(`${state.failingSteps} step${state.failingSteps === 1 ? '' : 's'} failing`, 'bad');
  if (state.node?.drain !== undefined) return cell(state.drainPending === '' ? 'out of use' : 'moving away', 'warn');
  if (state.stale) return cell('without etcd', 'warn');
  if (state.pairAlarm !== '') return cell(state.pairAlarm, 'warn');
  if (behind > usualLag) return cell(`${behind} revisions behind`, 'warn');
  return cell('in order', 'up');
}

/** Both ends have to have it up. Undefined: neither tells. */
function linkOf({ mesh }: Network, { id, nodeA, nodeB }: Interconnect): Cell {
  const ends = mesh.nodes
    .filter((node) => [nodeA, nodeB].includes(idOf(node)))
    .flatMap(({ paths }) => paths.filter(({ interconnectId }) => interconnectId === id));
  if (ends.length === 0) return cell('not told');
  const troubles = [...new Set(ends.flatMap((end) => end.troubles))];
  if (ends.some(({ up }) => !up)) return cell(troubles.join(', ') || 'down', 'bad');
  return troubles.length === 0 ? cell('up', 'up') : cell(troubles.join(', '), 'warn');
}

const rttBetween = ({ mesh }: Network, a: string, b: string): number | undefined => {
  const found = mesh.cells.find(({ fromNodeId, toNodeId }) => fromNodeId === a && toNodeId === b);
  return found?.rttMs;
};

const worst = (cells: readonly Cell[]): Colour => {
  for (const colour of ['bad', 'warn', 'up'] as const) if (cells.some((each) => each.colour === colour)) return colour;
  return '';
};

/** Keys: `node/<id>/<figure>`, `pop/<id>`, `link/<id>`, `link/<id>/rtt`, `network/<figure>`. O(nodes + links) */
export function cellsOf(network: Network): Cells {
  const cells = new Map<string, Cell>();
  const { status, mesh, pops, interconnects } = network;
  for (const node of mesh.nodes) {
    const id = idOf(node);
    const { state, behind, certificateEnds } = node;
    const put = (figure: string, value: Cell): void => void cells.set(`node/${id}/${figure}`, value);
    put('health', health(node));
    put('behind', behind === 0n ? cell('applied', '') : cell(`${behind} behind`, behind > usualLag ? 'warn' : ''));
    put('role', cell(state?.role ?? ''));
    put('rtt', cell(ms(state?.rttMs)));
    put('load', state?.connected !== true ? cell('') : cell(state.load.toFixed(2), state.load > 1 ? 'warn' : ''));
    put('lag', state?.connected !== true ? cell('') : cell(ms(state.loopLagMs), state.loopLagMs > 100 ? 'warn' : ''));
    put(
      'clock',
      cell(
        state?.clockOffsetMs === undefined ? '' : `${state.clockOffsetMs.toFixed(1)} ms`,
        Math.abs(state?.clockOffsetMs ?? 0) > 50 ? 'bad' : '',
      ),
    );
    put('failure', cell(state?.failure ?? '', 'bad'));
    put('held', cell(state?.held ?? '', 'bad'));
    put(
      'certificate',
      cell(certificateEnds === undefined ? '' : timestampDate(certificateEnds).toISOString().slice(0, 10)),
    );
  }
  for (const { id } of pops) {
    const members = mesh.nodes.filter(({ state }) => state?.node?.popId === id);
    const all = members.map(health);
    const bad = all.filter(({ colour }) => colour !== 'up');
    const text = members.length === 0 ? 'no node' : bad.length === 0 ? 'in order' : (bad[0]?.text ?? '');
    cells.set(`pop/${id}`, cell(text, members.length === 0 ? 'warn' : worst(all)));
  }
  for (const link of interconnects) {
    cells.set(`link/${link.id}`, linkOf(network, link));
    cells.set(
      `link/${link.id}/rtt`,
      cell(ms(rttBetween(network, link.nodeA, link.nodeB) ?? rttBetween(network, link.nodeB, link.nodeA))),
    );
  }
  const inOrder = mesh.nodes.map(health).filter(({ colour }) => colour === 'up').length;
  cells.set('network/nodes', cell(`${inOrder} of ${mesh.nodes.length}`, inOrder === mesh.nodes.length ? 'up' : 'bad'));
  cells.set('network/tunnels', cell(String(status.tunnels)));
  cells.set('network/addresses', cell(String(status.allocations)));
  cells.set(
    'network/revision',
    cell(String(status.freshness?.revision ?? 0n), status.freshness?.stale === true ? 'bad' : ''),
  );
  return cells;
}
