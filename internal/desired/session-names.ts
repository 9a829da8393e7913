// Session names: what BIRD calls the BGP sessions of a node. Ids alone, never a name or text from people.

type Family = 4 | 6;

const symbol = (id: string): string => id.replaceAll('-', '_');

/** BGP session over one of an interconnect's two links. */
export const sessionName = (interconnectId: string, turn: string, family: Family): string =>
  `p44${turn}_${symbol(interconnectId)}_${family}`;

export const upstreamSessionName = (upstreamId: string, family: Family): string =>
  `p44u_${symbol(upstreamId)}_${family}`;
