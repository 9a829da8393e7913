// Explain question: whom and which packet a person means. Reads the snapshot, decides nothing else.

import { findTunnel, placesOf } from '#internal/command/command.ts';
import { isRefusal, type Refusal, refuse } from '#internal/errors/errors.ts';
import { hasPorts, icmp, type Packet, within } from '#internal/explain/explain.ts';
import type { Tunnel } from '#internal/gen/pop44/store/v1/records_pb.ts';
import type { ExplainRequest } from '#internal/gen/pop44/v1/explain_pb.ts';
import { carryingPops, holderOf, type Snapshot } from '#internal/model/model.ts';
import {
  addressBits,
  addressFrom,
  addressNumber,
  type Family,
  familyOf,
  firstAddress,
  type IpAddress,
  parseAddress,
  parsePrefix,
  prefixLength,
} from '#internal/netip/netip.ts';

export interface Question {
  readonly packet: Packet;
  /** The subject sends it; else the subject is where it goes to. */
  readonly sends: boolean;
  /** Who has the subject's address. */
  readonly tunnel?: Tunnel;
  /** What is known of it when no tunnel has it. */
  readonly nobody: string;
  /** PoP that is home to it; empty: not known. */
  readonly homePopId: string;
}

/** Somewhere on the internet: addresses that nobody has (RFC 5737, RFC 3849). */
const somewhere = { 4: '198.51.100.7', 6: '2001:db8:ffff::7' } as const;

interface Subject extends Pick<Question, 'tunnel' | 'nobody' | 'homePopId'> {
  /** In this family; undefined: it has none. */
  address(family: Family | undefined): IpAddress | undefined;
}

/** A single address, or in a network the first that a host may have. */
export function hostIn(prefix: string): IpAddress | undefined {
  const parsed = parsePrefix(prefix);
  if (typeof parsed !== 'string') return undefined;
  const first = firstAddress(parsed);
  const family = familyOf(first);
  return prefixLength(parsed) === addressBits(family) ? first : addressFrom(family, addressNumber(first) + 1n);
}

function subjectAt(snapshot: Snapshot, address: IpAddress): Subject | Refusal {
  const place = placesOf(snapshot, address).find(({ pools }) => pools[0]?.pool.realmId === 'internet');
  if (place === undefined) {
    const problem = 'is in no pool that nodes carry';
    const cure = 'a tunnel, or an address inside a pool of the realm internet, as pool list shows them';
    return refuse('outside-pool', { field: 'subject', value: address, problem, cure });
  }
  const { allocation } = place;
  const tunnel = allocation && snapshot.tunnels.get(allocation.tunnelId)?.record;
  const held = tunnel?.prefixes.find(({ prefix }) => prefix === allocation?.prefix);
  const holder = allocation && holderOf(allocation);
  const nobody =
    allocation === undefined
      ? 'nobody has it'
      : holder === 'quarantine'
        ? `in quarantine for ${allocation.owner}`
        : `${allocation.owner} has it without a tunnel`;
  return {
    address: () => address,
    nobody,
    homePopId: held?.homePopId ?? place.pools.at(-1)?.pool.homePopId ?? '',
    ...(holder === 'tunnel' && tunnel && { tunnel }),
  };
}

function subjectOf(snapshot: Snapshot, text: string): Subject | Refusal {
  const address = parseAddress(text);
  if (typeof address === 'string') return subjectAt(snapshot, address);
  const stored = findTunnel(snapshot, text);
  if (isRefusal(stored)) {
    const cure = "a tunnel's id, owner/name or name, or an address inside a pool";
    const problem = text === '' ? 'is missing' : stored.refused === 'invalid' ? 'is several tunnels' : 'is none';
    return refuse(stored.refused, { field: 'subject', value: text, problem, cure });
  }
  const { record } = stored;
  return {
    address: (family) =>
      record.prefixes
        .map(({ prefix }) => hostIn(prefix))
        .find((own) => own && familyOf(own) === (family ?? familyOf(own))),
    tunnel: record,
    nobody: '',
    homePopId: record.prefixes[0]?.homePopId ?? '',
  };
}

function addressIn(field: 'from' | 'to', text: string): IpAddress | undefined | Refusal {
  if (text === '') return undefined;
  const address = parseAddress(text);
  if (typeof address === 'string') return address;
  return refuse('invalid', { field, value: text, problem: address.problem, cure: 'an address like 198.51.100.7' });
}

const named: ReadonlyMap<string, number> = new Map([
  ['tcp', 6],
  ['udp', 17],
]);

function flowOf(
  { protocol, port }: Pick<ExplainRequest, 'protocol' | 'port'>,
  family: Family,
): Pick<Packet, 'protocol' | 'port'> | Refusal {
  const name = protocol || (port === 0 ? 'icmp' : 'tcp');
  const number = name === 'icmp' ? icmp[family] : (named.get(name) ?? (/^\d{1,3}$/.test(name) ? Number(name) : 256));
  const invalid = (field: string, value: string, problem: string, cure: string): Refusal =>
    refuse('invalid', { field, value, problem, cure });
  if (number > 255) return invalid('protocol', protocol, 'is no protocol', 'tcp, udp, icmp, or a number from 0 to 255');
  if (hasPorts(number) && port === 0)
    return refuse('required', { field: 'port', problem: 'is missing', cure: `${name} has ports: 1 to 65535` });
  if (port > 65_535) return invalid('port', String(port), 'is no port', '1 to 65535');
  if (!hasPorts(number) && port !== 0)
    return invalid('port', String(port), `is for tcp and udp, not for ${name}`, 'leave it out, or say --protocol tcp');
  return { protocol: number, port };
}

/** Refuses `required`, `not-found`, `invalid`, `outside-pool`, `family-mismatch`. */
export function questionOf(
  snapshot: Snapshot,
  request: Omit<ExplainRequest, '$typeName' | '$unknown'>,
): Question | Refusal {
  const subject = subjectOf(snapshot, request.subject);
  if (isRefusal(subject)) return subject;
  const [from, to] = [addressIn('from', request.from), addressIn('to', request.to)];
  if (isRefusal(from)) return from;
  if (isRefusal(to)) return to;
  const other = to ?? from;
  const own = subject.address(other && familyOf(other));
  const mismatch = (field: 'from' | 'to', value: string, than: string): Refusal =>
    refuse('family-mismatch', {
      field,
      value,
      problem: `is of another family than ${than}`,
      cure: 'two of one family',
    });
  if (own === undefined || (other !== undefined && familyOf(other) !== familyOf(own)))
    return mismatch(to === undefined ? 'from' : 'to', other ?? '', `every address of ${request.subject}`);
  if (from !== undefined && to !== undefined && familyOf(from) !== familyOf(to)) return mismatch('from', from, to);
  const family = familyOf(own);
  const flow = flowOf(request, family);
  if (isRefusal(flow)) return flow;
  const { tunnel, nobody, homePopId } = subject;
  const sends = to !== undefined;
  const ends = sends ? { from: from ?? own, to } : { from: from ?? (somewhere[family] as IpAddress), to: own };
  return { packet: { family, ...ends, ...flow }, sends, nobody, homePopId, ...(tunnel && { tunnel }) };
}

/** Who has an address, if it is a tunnel's. */
export function tunnelAt(snapshot: Snapshot, address: IpAddress): Tunnel | undefined {
  const subject = subjectAt(snapshot, address);
  return isRefusal(subject) ? undefined : subject.tunnel;
}

/** Nodes worth asking: where it is now, then those of its home, then the others that carry it; else all. */
export function nodesWorthAsking(
  snapshot: Snapshot,
  { tunnel, homePopId }: Pick<Question, 'tunnel' | 'homePopId'>,
  holder: string | undefined,
): readonly string[] {
  const pops = carryingPops(snapshot, tunnel?.placement?.popIds ?? []);
  const nodes = [...snapshot.nodes.values()].map(({ record }) => record);
  const wanted = tunnel === undefined ? [homePopId] : pops;
  const placed = nodes.filter(({ popId }) => wanted.includes(popId));
  const rank = ({ id, popId }: { readonly id: string; readonly popId: string }): number =>
    id === holder ? 0 : popId === homePopId ? 1 : 2;
  return (placed.length > 0 ? placed : nodes)
    .toSorted((a, b) => rank(a) - rank(b) || (a.id < b.id ? -1 : 1))
    .map(({ id }) => id);
}

export const inSpace = (space: readonly string[], address: IpAddress): boolean => within(space, address) !== undefined;
