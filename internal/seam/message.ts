// The fixed vocabulary between the two halves of a node.

import type { BgpCounts, Flow, Item, Kind, Netns, Session, Way } from '#internal/dataplane/dataplane.ts';
import type { Role } from '#internal/takeover/takeover.ts';
import type { AskEcho, Echo } from './echo-message.ts';

export type Remove = readonly [Kind, string];

/** From the network half: what the node should hold. */
export interface Want {
  readonly type: 'want';
  /** Counts up; the answer names it. */
  readonly number: number;
  /** Snapshot revision that this brings about, decimal. */
  readonly revision: string;
  /** `put` is everything there is; else a difference to the want before. */
  readonly whole: boolean;
  readonly put: readonly Item[];
  readonly remove: readonly Remove[];
}

/** From the privileged half, first: what it holds now. */
export interface Hello {
  readonly type: 'hello';
  /** Peers on the access interface. */
  readonly accessPeers: number;
}

/** A want was carried out as far as possible. */
export interface Applied {
  readonly type: 'applied';
  readonly number: number;
  readonly revision: string;
  /** Steps that failed and are tried again. */
  readonly failing: number;
  /** The first of them, in words. */
  readonly failures: readonly string[];
}

/** Each comparison. Counters since the privileged half started. */
export interface Health {
  readonly type: 'health';
  readonly failing: number;
  readonly failures: readonly string[];
  readonly comparisons: number;
  readonly comparisonMs: number;
  /** Steps that a comparison found necessary: somebody else changed what is ours. By kind. */
  readonly drift: Readonly<Partial<Record<Kind, number>>>;
  /** Namespaces whose BIRD has undone the text that is wanted of it. */
  readonly undone?: readonly Netns[];
  readonly rssBytes: number;
  readonly cpuSeconds: number;
}

/** Tunnels' handshakes that changed since the last report: public key, Unix time in milliseconds. */
export interface Handshakes {
  readonly type: 'handshakes';
  readonly peers: readonly (readonly [publicKey: string, handshakeMs: number, link: string])[];
}

/** Counters of peers that carried bytes since the last report, as WireGuard has them: public key, received, sent, access interface. */
export interface Traffic {
  readonly type: 'traffic';
  readonly peers: readonly (readonly [string, number, number, string])[];
}

/** From the network half: how much the firewall has refused for these prefixes of tunnels. */
export interface AskDenials {
  readonly type: 'ask-denials';
  /** Counts up; the answer names it. */
  readonly number: number;
  readonly prefixes: readonly string[];
}

/** What was refused for a prefix, since the first packet of it; a day without one ends the count. */
export interface Denied {
  readonly prefix: string;
  readonly packets: number;
  readonly bytes: number;
}

/** Prefixes for which nothing was refused are left out. */
export interface Denials {
  readonly type: 'denials';
  readonly number: number;
  readonly denied: readonly Denied[];
}

/** From the network half: make a next interconnect key. */
export interface AskInterconnectKey {
  readonly type: 'ask-interconnect-key';
  /** Counts up; the answer names it. */
  readonly number: number;
  /** Public keys in base64 whose files are needed; others that were made here before may go. */
  readonly keep: readonly string[];
}

export interface InterconnectKey {
  readonly type: 'interconnect-key';
  readonly number: number;
  /** In base64; empty: there is none, because of `problem`. */
  readonly publicKey: string;
  readonly problem: string;
}

/** From the network half: which BGP sessions of the pop namespace are established. */
export interface AskSessions {
  readonly type: 'ask-sessions';
  readonly number: number;
}

export interface Sessions {
  readonly type: 'sessions';
  readonly number: number;
  /** Names of BIRD's protocols. */
  readonly established: readonly string[];
}

/** From the network half: what the kernel holds under these keys, and how it leads a packet to that address. */
export interface AskFacts {
  readonly type: 'ask-facts';
  /** Counts up; the answer names it. */
  readonly number: number;
  readonly keys: readonly Remove[];
  readonly to: string;
}

/** Keys under which nothing is are left out; sessions are of the peers that were asked for. */
export interface Facts {
  readonly type: 'facts';
  readonly number: number;
  readonly items: readonly Item[];
  readonly way: Way;
  readonly sessions: readonly Session[];
}

/** Where peers were when they last shook hands here (to the sibling), or there (from it). */
export interface Whereabouts {
  readonly type: 'whereabouts';
  /** Public key, endpoint, Unix time of the handshake in milliseconds, access interface, round trip in ms (0: not known). */
  readonly peers: readonly (readonly [string, string, number, string, number?])[];
}

/** The role of this node in its PoP changed. */
export interface DutyTold {
  readonly type: 'duty';
  readonly role: Role | 'alone';
  readonly epoch: number;
  readonly alarm: string;
}

/** Of a pair: flows in the kernel's table, and those of the sibling that are kept; absent: conntrackd does not answer. */
export interface FlowsTold {
  readonly type: 'flows';
  readonly flows?: number;
  readonly held?: number;
}

/** From the network half, by an admin's order: take the PoP over from the sibling. */
export interface AskTakeover {
  readonly type: 'ask-takeover';
  /** Counts up; the answer names it. */
  readonly number: number;
}

export interface TakenOver {
  readonly type: 'taken-over';
  readonly number: number;
  /** Why it did not; empty: it did. */
  readonly problem: string;
}

/** How far the clock of this node is ahead of its network's. */
export interface ClockTold {
  readonly type: 'clock';
  /** Milliseconds; negative: behind. */
  readonly aheadMs: number;
}

/** From the network half: how much has come from peers so far. */
export interface AskContact {
  readonly type: 'ask-contact';
  /** Counts up; the answer names it. */
  readonly number: number;
  /** Public keys. */
  readonly peers: readonly string[];
}

export interface Contact {
  readonly type: 'contact';
  readonly number: number;
  /** Public key, and bytes received on all access interfaces; of a key that is a peer of none, nothing. */
  readonly peers: readonly (readonly [publicKey: string, rxBytes: number])[];
}

/** From the network half: another node holds their tunnels, and they are not to be called from here any more. */
export interface Forget {
  readonly type: 'forget';
  /** With when each was known to have gone: one that has shaken hands since is back. */
  readonly peers: readonly (readonly [publicKey: string, leftMs: number])[];
}

/** From the network half: which flows are open from and to these prefixes, whose tunnels have moved to other nodes. */
export interface AskFlows {
  readonly type: 'ask-flows';
  /** Counts up; the answer names it. */
  readonly number: number;
  readonly prefixes: readonly string[];
}

export interface OpenFlows {
  readonly type: 'open-flows';
  readonly number: number;
  readonly flows: readonly Flow[];
}

/** From the network half: flows of a tunnel that has come from another node; they go on here. */
export interface CarryFlows {
  readonly type: 'carry-flows';
  readonly flows: readonly Flow[];
}

/** From the network half: at which node of the anycast group clients have their sessions. */
export interface Elsewhere {
  readonly type: 'elsewhere';
  /** `clients` is everything there is; else a difference to what was told before. */
  readonly whole: boolean;
  /** Endpoint, number of the node (ownership.ts; -1: no other node's any more), seconds that it is to be believed. */
  readonly clients: readonly (readonly [endpoint: string, number: number, seconds: number])[];
}

/**
 * From the network half: these are to be taken over, and called where they were last known to be; or they are here, or given up,
 * and no call goes on.
 */
export type Clients = {
  readonly [T in 'take-clients' | 'leave-clients']: { readonly type: T; readonly peers: Whereabouts['peers'] };
}['take-clients' | 'leave-clients'];

/** Clients whose datagrams come here while another node has their session. */
export interface RelayedTold {
  readonly type: 'relayed';
  /** Endpoint, milliseconds since the last datagram. */
  readonly clients: readonly (readonly [endpoint: string, agoMs: number])[];
}

/** Interconnects that were ever up, when one of them changed: whether it is, and how often it was lost since this half began. */
export interface Links {
  readonly type: 'links';
  readonly links: readonly (readonly [link: string, up: boolean, downs: number])[];
}

/** Each 10 s: what the BGP sessions of both namespaces that are up have brought. */
export interface BgpCounted {
  readonly type: 'bgp-counts';
  readonly sessions: readonly BgpCounts[];
}

export type FromNetwork =
  | Want
  | AskDenials
  | AskInterconnectKey
  | AskSessions
  | AskFacts
  | Whereabouts
  | AskTakeover
  | ClockTold
  | AskContact
  | Forget
  | AskFlows
  | CarryFlows
  | Elsewhere
  | Clients
  | AskEcho;
export type FromDataplane =
  | Hello
  | Applied
  | Health
  | Handshakes
  | Traffic
  | Denials
  | InterconnectKey
  | Sessions
  | Facts
  | Whereabouts
  | DutyTold
  | FlowsTold
  | TakenOver
  | Contact
  | OpenFlows
  | Links
  | BgpCounted
  | RelayedTold
  | Echo;
