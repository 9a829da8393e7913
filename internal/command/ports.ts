// Ports: which UDP ports of a node's transport namespace have a socket already.

import { vxlanPort } from '#internal/dataplane/ownership.ts';
import { type Refusal, refuse } from '#internal/errors/errors.ts';
import type { Node } from '#internal/gen/pop44/store/v1/records_pb.ts';
import { type Snapshot, servedPop } from '#internal/model/model.ts';
import { exists, portField } from './fields.ts';

// Above WireGuard's customary 51820 and clear of the mesh's 51844, out of Linux's ephemeral range (32768 to 60999 by
// default) only by name: an interconnect's socket is bound at start, before anything else asks.
const firstChosenPort = 51900;

function portsInUse(snapshot: Snapshot, node: Node): ReadonlyMap<number, string> {
  const used = new Map<number, string>([[node.meshPort, 'the mesh']]);
  const pop = snapshot.pops.get(node.popId);
  // Its own too, while it has that of a group: it has it again when it leaves.
  const records = pop === undefined ? [] : [pop.record, servedPop(snapshot, pop.record)];
  for (const { endpointPort, nextAccessKey } of records)
    for (const port of [endpointPort, nextAccessKey?.port ?? 0])
      if (port !== 0) used.set(port, `the endpoint of PoP ${node.popId}`);
  for (const [id, { record }] of snapshot.interconnects) {
    const ports = new Map([
      [record.nodeA, [record.portA, record.otherPortA]],
      [record.nodeB, [record.portB, record.otherPortB]],
    ]);
    for (const port of ports.get(node.id) ?? []) if (port !== 0) used.set(port, `interconnect ${id}`);
  }
  return used;
}

/** Of WireGuard, which is open to everybody: never the one by which siblings hear each other, now or later. */
export function openPortField(field: string, port: number): Refusal | undefined {
  const outside = portField(field, port);
  if (outside !== undefined || port !== vxlanPort) return outside;
  const about = { field, value: String(port), problem: 'is what the two nodes of a PoP hear each other by (VXLAN)' };
  return refuse('invalid', { ...about, cure: 'another port' });
}

export function refusedPort(snapshot: Snapshot, field: string, port: number, node: Node): Refusal | undefined {
  const refusal = openPortField(field, port);
  if (refusal !== undefined) return refusal;
  const by = portsInUse(snapshot, node).get(port);
  if (by === undefined) return undefined;
  return exists(field, String(port), `is used on ${node.id} by ${by}`, 'another port, or 0 to have one chosen');
}

/** The lowest from `first` up that none of the nodes uses; by default from 51900. */
export function freePort(snapshot: Snapshot, nodes: readonly Node[], first = firstChosenPort): number {
  const used = nodes.map((node) => portsInUse(snapshot, node));
  let port = first > 65_535 ? firstChosenPort : first;
  while (used.some((each) => each.has(port))) port += 1;
  return port;
}
