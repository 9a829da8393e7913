// VXLAN: links that lead to other nodes (RFC 7348), whose UDP is of the transport namespace.

/** It leads to one other node, and stands in the pop namespace. Key: its name. */
export interface Span {
  readonly name: string;
  readonly mtu: number;
  /** Addresses of the transport namespace's, here and there. */
  readonly own: string;
  readonly far: string;
}

/**
 * Nodes of other PoPs that share this one's endpoint and key: a datagram that arrives here for a session of one of them is sent
 * on to it as it is. Key: the interface.
 */
export interface Anycast {
  readonly name: string;
  /** Of this node and of the others, sorted (ownership.ts). */
  readonly number: number;
  readonly others: readonly number[];
  /** Addresses that they share, sorted, and UDP ports of WireGuard there. */
  readonly endpoints: readonly string[];
  readonly ports: readonly number[];
}
