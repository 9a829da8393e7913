// Reach: which place is the nearest to somebody, and why an address of a tunnel is not reached.
//
// On the path: api gathers what nodes have measured and what explain says, and asks here what it comes to.
// Never: asks anybody, touches the world, or knows who may ask.

export { type Asked, type Cause, causeOf, type Explained, type Finding, msText, type ReachFacts } from './cause.ts';
export { type Place, type Ranked, ranked } from './nearest.ts';
export { type Answering, nodeToAsk, type Candidate } from './node-to-ask.ts';

/** What a node is asked to measure. */
export interface ReachQuestion {
  readonly address: string;
  /** TCP; 0: an echo. */
  readonly port: number;
  /** As the node speaks to its own tunnels, past their firewalls, and not from the internet's side. */
  readonly directly: boolean;
  /** Tunnels whose handshakes tell as well, where their device is at that address. */
  readonly tunnelIds: readonly string[];
}

/** What it has measured. */
export interface Reached {
  /** There and back, milliseconds; absent: nothing came back. */
  readonly rttMs?: number;
  /** Empty: nothing came back. */
  readonly how: '' | 'echo' | 'open' | 'refused' | 'handshake';
  /** Why it was not asked; empty: it was. */
  readonly problem: string;
}
