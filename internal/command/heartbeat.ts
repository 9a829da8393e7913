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

/** Empty: none. Refuses `invalid` (no address of one machine, another family than the sibling's), `already-exists`. */
export function heartbeatField(
  snapshot: Snapshot,
  field: string,
  node: Pick<Node, 'id' | 'popId'>,
  value: string,
): IpAddress | '' | Refusal {
  if (value === '') return '';
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
  return address;
}
