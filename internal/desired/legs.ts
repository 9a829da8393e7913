// Legs: both ends of every interconnect come from one record; here is the end that this node holds.

import { linkPrefix } from '#internal/dataplane/ownership.ts';
import type { Interconnect, Node } from '#internal/gen/pop44/store/v1/records_pb.ts';
import { inForce, type Snapshot } from '#internal/model/model.ts';
import { addressFrom, addressNumber, familyOf, parsePrefix, firstAddress } from '#internal/netip/netip.ts';
import { type Leg, sortedRecords } from './self.ts';

/** IFNAMSIZ is 16 with the closing zero (linux/if.h). */
const longestName = 15;

/** FNV-1a, 32 bit: short, stable names; a clash of two of a node's few interconnects shows as a failed link. */
function shortHash(text: string): string {
  let hash = 0x811c9dc5;
  for (const character of text) {
    hash ^= character.codePointAt(0) ?? 0;
    hash = Math.imul(hash, 0x01000193) >>> 0;
  }
  return hash.toString(16).padStart(8, '0');
}

export function interconnectLink(id: string): string {
  const name = `${linkPrefix}i-${id}`;
  return name.length <= longestName ? name : `${linkPrefix}i-${shortHash(id)}`;
}

/** The two addresses of a /31 or /127 (RFC 3021, RFC 6164), lower first. */
function pairOf(link: string): readonly [string, string] {
  const prefix = parsePrefix(link);
  if (typeof prefix !== 'string') throw new TypeError('a link that is no prefix');
  const low = firstAddress(prefix);
  return [low, addressFrom(familyOf(low), addressNumber(low) + 1n)];
}

function leg(interconnect: Interconnect, near: Node, far: Node): Leg {
  const first = interconnect.nodeA === near.id;
  const [low4, high4] = pairOf(interconnect.link4);
  const [low6, high6] = pairOf(interconnect.link6);
  return {
    interconnect,
    link: interconnectLink(interconnect.id),
    far,
    listenPort: first ? interconnect.portA : interconnect.portB,
    farPort: first ? interconnect.portB : interconnect.portA,
    own4: first ? low4 : high4,
    far4: first ? high4 : low4,
    own6: first ? low6 : high6,
    far6: first ? high6 : low6,
  };
}

/** The node's ends of its interconnects, by id; one whose far node is unknown or was revoked is left out. */
export function legsOf(snapshot: Snapshot, node: Node): readonly Leg[] {
  return sortedRecords(snapshot.interconnects.values(), (i) => i.id).flatMap((interconnect) => {
    if (interconnect.nodeA !== node.id && interconnect.nodeB !== node.id) return [];
    const farId = interconnect.nodeA === node.id ? interconnect.nodeB : interconnect.nodeA;
    const far = snapshot.nodes.get(farId)?.record;
    return far === undefined || !inForce(far) ? [] : [leg(interconnect, node, far)];
  });
}
