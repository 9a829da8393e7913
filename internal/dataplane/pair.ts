// Pair: what the two nodes of a PoP hold because they are two, and what one of them holds while it is the active one.

/**
 * This node and its sibling carry one endpoint; only one of them does at a time (internal/takeover). Key: the interface
 * whose peers they share.
 */
export interface Pair {
  readonly link: string;
  readonly nodeId: string;
  readonly siblingId: string;
  /** The sibling's addresses by the two ways to it. */
  readonly heartbeat: string;
  readonly underlay: string;
  /** By which an endpoint on a LAN is left: without any of them the way out is gone. Absent: BIRD tells of that. */
  readonly gateway4?: string;
  readonly gateway6?: string;
  /** The own address on the first one. */
  readonly ownHeartbeat: string;
  /** Addresses of the PoP's endpoint, of either family, and all UDP ports that lead to its WireGuard. */
  readonly endpoints: readonly string[];
  readonly ports: readonly number[];
}

/**
 * The states of the pop namespace's connections are told to the sibling, and its own are kept here until they are needed
 * (conntrackd). Key: the interface.
 */
export interface Sync {
  readonly link: string;
  /** IPv4 addresses on that interface, here and there. */
  readonly own: string;
  readonly far: string;
}

/**
 * An address of the PoP's on the LAN of its uplink, and the way out of packets of the access interface that are sent from it:
 * it stands on the interface by which the gateway is a neighbour, and neighbours are told where. Key: the family.
 */
export interface Floating {
  readonly family: 4 | 6;
  readonly address: string;
  readonly gateway: string;
}
