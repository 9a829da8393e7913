// Forecast: what every node would do, were a decision committed. Out of the records alone: desired of before and after, as
// each node would make them, and the plan between the two.
//
// Costs what the decision touches, as a difference does. Works in pieces, so that whoever asks lets others run between them.

import { type MutableDataplane, emptyDataplane } from '#internal/dataplane/dataplane.ts';
import { type Carrier, carrierOf, frame, type Here, part, type Self } from '#internal/desired/desired.ts';
import type { Node } from '#internal/gen/pop44/store/v1/records_pb.ts';
import { foldDecision, nodesInForce, type Snapshot } from '#internal/model/model.ts';
import type { Decision } from '#internal/model/record.ts';
import { plan, stepLine } from '#internal/plan/plan.ts';
import { sameCarrier } from './difference.ts';
import { type Touched, touch, untouched } from './touched.ts';

/** What one node would do. */
interface NodeForecast {
  readonly nodeId: string;
  /** At most 100 lines. */
  readonly steps: readonly string[];
  /** Steps that follow these. */
  readonly more: number;
}

export interface Forecast {
  /** By node id; of nodes that would do something. */
  readonly nodes: readonly NodeForecast[];
  /** Pairs of node and tunnel that were not looked at: too many, or too late. */
  readonly unseen: number;
}

/** What the daemon that makes it knows besides the snapshot. */
interface Vantage {
  readonly self: Self;
  readonly here: Here;
  /** Node of a tunnel's newest handshake. */
  readonly holderOf: (tunnelId: string) => string | undefined;
}

const mostSteps = 100;
/** Pairs of node and tunnel, made for before and for after: 0.13 ms each on a busy machine (measured), so half a second in all. */
const mostParts = 2_000;
/** Between two pauses: 10 ms. */
const partsAtOnce = 40;

/** A node of which no more is known than its record: its files are called as they may be, which no step tells. */
function selfOf({ id, meshAddress, meshPort }: Node, { self }: Vantage): Self {
  if (id === self.nodeId) return self;
  const files = { accessKeyFile: 'access-key', interconnectKeyFile: 'interconnect-key' };
  if (meshAddress === '') return { nodeId: id, ...files };
  const mesh = { address: meshAddress, port: meshPort, peers: [] };
  const edge = self.edge && { ...self.edge, mesh, hostServices: [], strangersAddresses: [] };
  return { nodeId: id, ...files, mesh, ...(edge && { edge }) };
}

const hereOf = (nodeId: string, { self, here, holderOf }: Vantage): Here =>
  nodeId === self.nodeId ? here : { has: (tunnelId) => holderOf(tunnelId) === nodeId };

interface Side {
  readonly snapshot: Snapshot;
  readonly carrier: Carrier | undefined;
  readonly plane: MutableDataplane;
}

const sideOf = (snapshot: Snapshot, self: Self, framed: boolean): Side => ({
  snapshot,
  carrier: carrierOf(snapshot, self),
  plane: framed ? frame(snapshot, self) : emptyDataplane(),
});

/** Tunnels whose parts may differ on a node. */
const concerned = (before: Side, after: Side, { tunnels, everything }: Touched): readonly string[] =>
  everything || !sameCarrier(before.carrier, after.carrier)
    ? [...new Set([...before.snapshot.tunnels.keys(), ...after.snapshot.tunnels.keys()])].sort()
    : [...tunnels];

/**
 * Yields where others may run, and is given true when there is no more time: then it ends with what it has.
 * O(nodes × (frame + tunnels touched)), 2,000 pairs of node and tunnel at most.
 */
export function* forecast(
  snapshot: Snapshot,
  decision: Pick<Decision, 'writes'>,
  vantage: Vantage,
): Generator<undefined, Forecast, boolean> {
  const next = foldDecision(snapshot, decision);
  const touched = touch(untouched, next.changes);
  const records = new Map([...nodesInForce(snapshot), ...nodesInForce(next.snapshot)].map((node) => [node.id, node]));
  const nodes: NodeForecast[] = [];
  let room = mostParts;
  let unseen = 0;
  let late = false;
  for (const [nodeId, node] of [...records].sort(([a], [b]) => (a < b ? -1 : 1))) {
    late ||= yield;
    if (late) {
      unseen += Math.max(1, touched.tunnels.size);
      continue;
    }
    const self = selfOf(node, vantage);
    const here = hereOf(nodeId, vantage);
    const [before, after] = [snapshot, next.snapshot].map((each) => sideOf(each, self, touched.frame));
    if (before === undefined || after === undefined) continue;
    const ids = concerned(before, after, touched);
    unseen += Math.max(0, ids.length - room);
    for (const [at, id] of ids.slice(0, room).entries()) {
      if (at % partsAtOnce === partsAtOnce - 1) late ||= yield;
      if (late) {
        unseen += Math.min(ids.length, room) - at;
        break;
      }
      for (const { plane, ...source } of [before, after]) part({ ...source, here }, id, plane);
    }
    room = Math.max(0, room - ids.length);
    const steps = plan(after.plane, before.plane);
    if (steps.length === 0) continue;
    nodes.push({
      nodeId,
      steps: steps.slice(0, mostSteps).map(stepLine),
      more: Math.max(0, steps.length - mostSteps),
    });
  }
  return { nodes, unseen };
}
