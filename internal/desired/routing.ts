// Routing: by which protocols trusted nodes tell each other their routes, as the network's record has it (adr/0047).

import { FabricRouting, type Node, PopKind } from '#internal/gen/pop44/store/v1/records_pb.ts';
import { nodesInForce, type Snapshot } from '#internal/model/model.ts';

/** What is spoken on an interconnect; in the time of a change both are. */
export interface Speech {
  readonly ebgp: boolean;
  /** And iBGP between the loopbacks of those whom OSPF leads to. */
  readonly ospf: boolean;
}

/** A club's node may be in a stranger's hands: it hears nothing of the fabric's links. */
const isTrusted = ({ pops }: Snapshot, { popId }: Node): boolean => pops.get(popId)?.record.kind !== PopKind.MICRO;

const ebgpAlone: Speech = { ebgp: true, ospf: false };

/** Between trusted nodes. A record of a newer build that says something else is taken for what every build knows. */
function trustedSpeech({ network }: Snapshot): Speech {
  const routing = network?.record.fabricRouting;
  if (routing === FabricRouting.OSPF) return { ebgp: false, ospf: true };
  return routing === FabricRouting.BESIDE ? { ebgp: true, ospf: true } : ebgpAlone;
}

export const speechBetween = (snapshot: Snapshot, near: Node, far: Node): Speech =>
  isTrusted(snapshot, near) && isTrusted(snapshot, far) ? trustedSpeech(snapshot) : ebgpAlone;

/** A trusted node's part in OSPF. */
export interface Inner {
  /** The other trusted nodes in force, by id: it has a session with each of them. */
  readonly others: readonly Node[];
  /** eBGP stands beside it, and carries. */
  readonly beside: boolean;
}

/** Undefined: the node speaks no OSPF. O(nodes). */
export function innerOf(snapshot: Snapshot, node: Node): Inner | undefined {
  const { ebgp, ospf } = speechBetween(snapshot, node, node);
  if (!ospf) return undefined;
  const others = nodesInForce(snapshot).filter((other) => other.id !== node.id && isTrusted(snapshot, other));
  return { others, beside: ebgp };
}
