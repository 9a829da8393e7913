// Heartbeat: a node's address on the link to the other node of its PoP, by which the two become a pair.

import { type Refusal, refuse } from '#internal/errors/errors.ts';
import type { Node } from '#internal/gen/pop44/store/v1/records_pb.ts';
import { inForce, type Snapshot } from '#internal/model/model.ts';
import { familyOf, type IpAddress, parseAddress } from '#internal/netip/netip.ts';
import { addressField, exists } from './fields.ts';

const familyOfText = (text: string): number | undefined => {
  const address = parseAddress(text);
  return typeof address === 'string' ? familyOf(address) : undefined;
};

/** The other nodes of the PoP that have a heartbeat: of a pair one, never more than two. */
const partnersOf = (snapshot: Snapshot, node: Pick<Node, 'id' | 'popId'>): readonly Node[] =>
  [...snapshot.nodes.values()].flatMap(({ record: other }) =>
    other.popId === node.popId && other.id !== node.id && other.heartbeat !== '' && inForce(other) ? [other] : [],
  );

/** Two nodes that are no pair any more would both carry the PoP, the standby too: a pair ends with one of its nodes. */
function cleared(snapshot: Snapshot, field: string, node: Pick<Node, 'id' | 'popId'>): '' | Refusal {
  const before = snapshot.nodes.get(node.id)?.record;
  const [sibling, third] = partnersOf(snapshot, node);
  if (before === undefined || !inForce(before) || before.heartbeat === '') return '';
  if (sibling === undefined || third !== undefined) return '';
  const problem = `is missing while node ${sibling.id} has one: both would carry the PoP`;
  return refuse('in-use', { field, value: '', problem, cure: `revoke ${node.id} or ${sibling.id} first` });
}

/**
 * Empty: none. Refuses `invalid` (no address of one machine, another family than the sibling's), `already-exists` (the
 * address, or two of the PoP have one), `in-use` (it would end a pair).
 */
export function heartbeatField(
  snapshot: Snapshot,
  field: string,
  node: Pick<Node, 'id' | 'popId'>,
  value: string,
): IpAddress | '' | Refusal {
  if (value === '') return cleared(snapshot, field, node);
  const address = addressField(field, value);
  if (typeof address !== 'string') return address;
  for (const { record: other } of snapshot.nodes.values()) {
    if (other.id === node.id || !inForce(other)) continue;
    if ([other.heartbeat, other.underlay4, other.underlay6, other.meshAddress].includes(address))
      return exists(field, value, `is an address of node ${other.id}`, 'one of its own on the link between the two');
    const family = other.popId === node.popId ? familyOfText(other.heartbeat) : undefined;
    if (family !== undefined && family !== familyOf(address)) {
      const problem = `is of another family than ${other.heartbeat} of node ${other.id}`;
      return refuse('invalid', { field, value, problem, cure: `an IPv${family} address on the same link` });
    }
  }
  const partners = partnersOf(snapshot, node);
  if (partners.length > 1) {
    const ids = partners.map(({ id }) => id).join(' and ');
    return exists(field, value, `would be the third in PoP ${node.popId}, after ${ids}`, 'none: a pair is of two');
  }
  return address;
}
