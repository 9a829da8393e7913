// Facts: what a kernel answers about one address or peer, which no plan holds.

/** How a packet to an address is led in the pop namespace. */
export interface Way {
  readonly type: 'unicast' | 'local' | 'blackhole' | 'unreachable' | 'none';
  /** The route that matched; empty: there is none to show. */
  readonly prefix: string;
  readonly dev: string;
  /** Next hop; empty: the device itself. */
  readonly via: string;
  /** Who put it there, by number (linux/rtnetlink.h, RTPROT_*): `44` are we, `12` is BIRD; empty: not told. */
  readonly by: string;
}

/** What WireGuard knows of a peer. */
export interface Session {
  readonly publicKey: string;
  /** Unix time in milliseconds; 0: never. */
  readonly handshakeMs: number;
  /** Empty: not known yet. */
  readonly endpoint: string;
}
