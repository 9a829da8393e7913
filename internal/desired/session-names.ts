// Session names: what BIRD calls the BGP sessions of a node. Ids alone, never a name or text from people.

type Family = 4 | 6;

const symbol = (id: string): string => id.replaceAll('-', '_');

/** BGP session over one of an interconnect's two links. */
export const sessionName = (interconnectId: string, turn: string, family: Family): string =>
  `p44${turn}_${symbol(interconnectId)}_${family}`;

/** iBGP between this node's loopback and another's. */
export const innerSessionName = (nodeId: string, family: Family): string => `p44r_${symbol(nodeId)}_${family}`;

export const ospfName = (family: Family): string => `p44ospf${family}`;

/** An adjacency of OSPF over a link, as the driver tells it (driver/bird/parse.ts). */
export const adjacencyName = (link: string, family: Family): string => `${ospfName(family)}_${link}`;

/** A prefix that OSPF leads to, as the driver tells it. */
export const reachedName = (prefix: string, family: Family): string => `${ospfName(family)}_${prefix}`;

export const upstreamSessionName = (upstreamId: string, family: Family): string =>
  `p44u_${symbol(upstreamId)}_${family}`;
