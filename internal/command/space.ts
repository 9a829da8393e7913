// Space: who already holds which addresses. Pools and the fabric's own addresses stay clear of each other: an endpoint
// or a loopback inside a pool would be routed to a subscriber one day.

import type { Refusal } from '#internal/errors/errors.ts';
import { refuse } from '#internal/errors/errors.ts';
import { type Snapshot, standingPools } from '#internal/model/model.ts';
import { hostPrefix, overlaps, type Prefix, parseAddress, parsePrefix } from '#internal/netip/netip.ts';

export interface Held {
  readonly prefix: Prefix;
  /** `the endpoint of PoP p1` */
  readonly by: string;
}

function host(address: string, by: string): readonly Held[] {
  const parsed = parseAddress(address);
  return typeof parsed === 'string' ? [{ prefix: hostPrefix(parsed), by }] : [];
}

function link(text: string, by: string): readonly Held[] {
  const parsed = parsePrefix(text);
  return typeof parsed === 'string' ? [{ prefix: parsed, by }] : [];
}

/** What PoPs, anycast groups, nodes and interconnects hold, sorted by id within each. */
export function fabricSpace(snapshot: Snapshot): readonly Held[] {
  const pops = [...snapshot.pops.entries()].sort(byId).flatMap(([id, { record }]) => {
    const by = `the endpoint of PoP ${id}`;
    return [...host(record.endpoint4, by), ...host(record.endpoint6, by)];
  });
  const groups = [...snapshot.anycasts.entries()].sort(byId).flatMap(([id, { record }]) => {
    const by = `the endpoint of anycast group ${id}`;
    return [...host(record.endpoint4, by), ...host(record.endpoint6, by)];
  });
  const nodes = [...snapshot.nodes.entries()].sort(byId).flatMap(([id, { record }]) => {
    const loopback = `the loopback of node ${id}`;
    const underlay = `the underlay address of node ${id}`;
    return [
      ...host(record.loopback4, loopback),
      ...host(record.loopback6, loopback),
      ...host(record.underlay4, underlay),
      ...host(record.underlay6, underlay),
      ...host(record.meshAddress, `the mesh address of node ${id}`),
    ];
  });
  const links = [...snapshot.interconnects.entries()].sort(byId).flatMap(([id, { record }]) => {
    const by = `a link address of interconnect ${id}`;
    return [record.link4, record.link6, record.otherLink4, record.otherLink6].flatMap((text) => link(text, by));
  });
  return [...pops, ...groups, ...nodes, ...links];
}

/** Addresses that nodes speak to or by, which several may share: a link that held one would lead them astray. */
export function spokenSpace(snapshot: Snapshot): readonly Held[] {
  const upstreams = [...snapshot.upstreams.entries()].sort(byId).flatMap(([id, { record }]) => {
    const by = `the neighbour of upstream ${id}`;
    return [...host(record.neighbor4, by), ...host(record.neighbor6, by)];
  });
  const underlays = [...snapshot.interconnects.entries()].sort(byId).flatMap(([id, { record }]) => {
    const by = `an underlay address of interconnect ${id}`;
    return [...host(record.underlayA, by), ...host(record.underlayB, by)];
  });
  const heartbeats = [...snapshot.nodes.entries()]
    .sort(byId)
    .flatMap(([id, { record }]) => host(record.heartbeat, `the heartbeat address of node ${id}`));
  return [...upstreams, ...underlays, ...heartbeats];
}

const byId = ([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number => (a < b ? -1 : 1);

/** A fabric address must not lie in a pool, of whatever realm. */
export function insidePool(snapshot: Snapshot, field: string, held: Prefix, value: string): Refusal | undefined {
  for (const pool of standingPools(snapshot).values()) {
    if (!overlaps(pool, held)) continue;
    return refuse('overlap', {
      field,
      value,
      problem: `lies in the pool ${pool}`,
      cure: 'an address outside every pool',
    });
  }
  return undefined;
}

/** The address or link is nobody else's. */
export function taken(held: readonly Held[], field: string, wanted: Prefix, value: string): Refusal | undefined {
  const other = held.find((some) => overlaps(some.prefix, wanted));
  if (other === undefined) return undefined;
  return refuse('already-exists', { field, value, problem: `is ${other.by}`, cure: 'one that nobody has' });
}
