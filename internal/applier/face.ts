// The face of the applier, and what it is made of.

import type { Clock } from '#internal/clock/clock.ts';
import type { Dataplane, MutableDataplane, Peer } from '#internal/dataplane/dataplane.ts';
import type { Driver } from '#internal/driver/driver.ts';
import type { Log } from '#internal/log/log.ts';
import type { Applied, Health, Want } from '#internal/seam/seam.ts';
import type { Gates } from './gate.ts';

export interface Applier {
  /** Reads what is there and raises what is fixed; called once before the first want. */
  start(): Promise<void>;
  /** Public keys on access interfaces, as last observed or reached; those that only wait to take over are not counted. */
  accessPeers(): number;
  want(message: Want): Promise<Applied>;
  /** A peer is waited for that takes over another's AllowedIPs with its first handshake. */
  awaitsSuccessor(): boolean;
  /** Peers of access interfaces have shaken hands: those that were waited for take over, at once. */
  shook(peers: readonly string[]): Promise<void>;
  /** The gate's answers have changed: what it holds back goes, what it admits comes. O(routes). */
  regate(): Promise<void>;
  /** Every peer of access interfaces forgets its session and its endpoint. */
  forgetSessions(): Promise<void>;
  /** The same, of the peers with these public keys. */
  forget(publicKeys: readonly string[]): Promise<void>;
  /** As it is wanted, by its key in a dataplane, if it stands too, as last observed or reached. */
  standingPeer(key: string): Peer | undefined;
  /** Does what no want asks for while nothing else is carried out: what stands meanwhile is what is wanted. */
  apart<T>(work: () => Promise<T>): Promise<T>;
  /** Observes everything, repairs what differs. */
  compare(): Promise<Health>;
  close(): Promise<void>;
}

/** A driver of whatever kinds. */
export type AnyDriver = Omit<Driver, 'observe'> & { observe(): Promise<Partial<MutableDataplane>> };

export interface ApplierParts {
  readonly drivers: readonly AnyDriver[];
  /** What this node wants whatever the store says (the management mesh). */
  readonly fixed: Dataplane;
  /** Whether a peer has ever shaken hands, as far as it is known. */
  readonly shaken: (peer: string) => boolean;
  /** Default: every route and address stands. */
  readonly gates?: Gates;
  /** What it wants until the first want says otherwise (the mesh's first peers). */
  readonly first?: Dataplane;
  /** Ends the open flows of prefixes that their holders gave up: they are the next one's. */
  readonly endFlows?: (prefixes: readonly string[]) => Promise<void>;
  readonly clock: Clock;
  readonly log: Log;
}
