// Endpoint mode: how the internet finds a PoP's endpoint, and what goes with it: upstreams that hear of it, or a gateway on the
// LAN that it stands on (adr/0030).

import { isRefusal, type Refusal, refuse } from '#internal/errors/errors.ts';
import { EndpointMode, Plane, type Pop } from '#internal/gen/pop44/store/v1/records_pb.ts';
import { inForce, type Snapshot } from '#internal/model/model.ts';
import { hostPrefix, type IpAddress } from '#internal/netip/netip.ts';
import { optionalAddressField } from './fields.ts';
import { fabricSpace, insidePool, taken } from './space.ts';

const families = [4, 6] as const;
type Family = (typeof families)[number];

export interface Gateways {
  readonly gateway4: IpAddress | '';
  readonly gateway6: IpAddress | '';
}

type Asked = Pick<Pop, 'id' | 'endpointMode' | 'endpoint4' | 'endpoint6' | 'gateway4' | 'gateway6'>;

const endpointOf = (pop: Asked, family: Family): string => (family === 4 ? pop.endpoint4 : pop.endpoint6);

/** Sessions of a PoP that would announce its endpoint, by id. */
const heardBy = (snapshot: Snapshot, popId: string): readonly string[] =>
  [...snapshot.upstreams.values()]
    .flatMap(({ record: { id, nodeId, plane } }) => {
      const node = snapshot.nodes.get(nodeId)?.record;
      return plane === Plane.TRANSPORT && node?.popId === popId && inForce(node) ? [id] : [];
    })
    .sort();

function gatewayField(snapshot: Snapshot, field: string, pop: Asked, family: Family): IpAddress | '' | Refusal {
  const value = family === 4 ? pop.gateway4 : pop.gateway6;
  const endpoint = endpointOf(pop, family);
  const gateway = optionalAddressField(field, value, family);
  if (isRefusal(gateway)) return gateway;
  if (gateway === '' && endpoint === '') return '';
  if (gateway === '') {
    const problem = `is missing, the endpoint ${endpoint} being on a LAN`;
    return refuse('required', { field, problem, cure: 'the router on that LAN, by which its packets leave' });
  }
  if (pop.endpointMode !== EndpointMode.L2) {
    const problem = 'is of a PoP whose endpoint is announced by BGP';
    return refuse('invalid', { field, value, problem, cure: 'none, or endpoint mode l2' });
  }
  if (endpoint === '') {
    const problem = `is of a PoP without an IPv${family} endpoint`;
    return refuse('invalid', { field, value, problem, cure: 'none' });
  }
  if (gateway === endpoint) {
    return refuse('invalid', { field, value, problem: 'is the endpoint itself', cure: 'the address of a router' });
  }
  const prefix = hostPrefix(gateway);
  return taken(fabricSpace(snapshot), field, prefix, value) ?? insidePool(snapshot, field, prefix, value) ?? gateway;
}

/**
 * Refuses `required` and `invalid` (a gateway for each family of the endpoint in mode l2, none otherwise), `already-exists` and
 * `overlap` (it is somebody else's), `in-use` (upstreams that hear of an endpoint which is to stand on a LAN).
 * @param at what fields begin with
 */
export function endpointModeField(snapshot: Snapshot, at: string, pop: Asked): Gateways | Refusal {
  const { endpointMode } = pop;
  const field = `${at}endpoint_mode`;
  if (endpointMode !== EndpointMode.UNSPECIFIED && endpointMode !== EndpointMode.L2) {
    const cure = 'bgp or l2';
    return refuse('invalid', { field, value: String(endpointMode), problem: 'is no mode of an endpoint', cure });
  }
  if (endpointMode === EndpointMode.UNSPECIFIED && pop.gateway4 === '' && pop.gateway6 === '')
    return { gateway4: '', gateway6: '' };
  const gateway4 = gatewayField(snapshot, `${at}gateway4`, pop, 4);
  if (isRefusal(gateway4)) return gateway4;
  const gateway6 = gatewayField(snapshot, `${at}gateway6`, pop, 6);
  if (isRefusal(gateway6)) return gateway6;
  const [heard] = heardBy(snapshot, pop.id);
  if (heard === undefined) return { gateway4, gateway6 };
  const problem = `is nothing for PoP ${pop.id}, whose endpoint the upstream ${heard} hears of`;
  return refuse('in-use', { field, value: 'l2', problem, cure: `pop44 upstream delete ${heard} --force` });
}

/** Refuses `invalid`: a session of plane transport for an endpoint that is announced to nobody. */
export function endpointHeardField(
  snapshot: Snapshot,
  field: string,
  plane: Plane,
  popId: string,
): Refusal | undefined {
  if (plane !== Plane.TRANSPORT || snapshot.pops.get(popId)?.record.endpointMode !== EndpointMode.L2) return undefined;
  const problem = `is nothing for PoP ${popId}, whose endpoint stands on a LAN`;
  return refuse('invalid', { field, value: 'transport', problem, cure: 'pop, or endpoint mode bgp' });
}
