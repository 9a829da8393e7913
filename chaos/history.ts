// History: what the clients of a chaos run asked and heard, one attempt each. Several attempts may bear one request id.

/** What a request asks for. */
export type Kind =
  | 'allocate'
  | 'release'
  | 'create-tunnel'
  | 'delete-tunnel'
  | 'update-tunnel'
  | 'rotate-key'
  | 'restore-tunnel'
  | 'suspend-tunnel'
  | 'unsuspend-tunnel'
  | 'delegate'
  | 'delete-pool'
  | 'create-reservation'
  | 'delete-reservation'
  | 'update-pool'
  | 'create-pool'
  | PeopleKind;

/** What changes accounts, which are a store of their own: what daemons show of the fabric does not come to its revisions. */
export type PeopleKind = 'sign-up' | 'verify' | 'approve-user' | 'suspend-user' | 'reinstate-user' | 'login' | 'logout';

/**
 * What the client knows after the answer.
 * - `refused` and `unavailable`: this attempt changed nothing.
 * - `unknown`: it may have, or still may: deadline, a lost connection, `pending`.
 */
export type Outcome = 'ok' | 'refused' | 'unavailable' | 'unknown';

/** Names of fields of its record, and their values as text. */
export type TunnelFields = Readonly<Record<string, string>>;

export interface Attempt {
  readonly request: string;
  readonly client: string;
  /** Daemon that was asked. */
  readonly node: string;
  readonly kind: Kind;
  readonly owner: string;
  /** The request in words, for people. */
  readonly asked: string;
  /** Keys of records that it takes away: `allocation/<id>`, `tunnel/<id>`, `pool/<id>`. */
  readonly takes: readonly string[];
  /** Of one monotonic clock, in nanoseconds. */
  readonly invokedNs: number;
  readonly returnedNs: number;
  readonly outcome: Outcome;
  /** Of the commit; 0n unless `ok`. */
  readonly revision: bigint;
  /** The answer says that it was remembered. */
  readonly repeated: boolean;
  /** Keys of records that the answer says were made; empty unless `ok`. */
  readonly given: readonly string[];
  /** Word of a refusal or a fault; empty when `ok`. */
  readonly reason: string;
  /** Of a tunnel that is changed: the fields that are to be so afterwards, and no others change. */
  readonly sets?: TunnelFields;
}

/** What a daemon said of records of a kind that an owner has, at one revision; of allocations those in quarantine too. */
export interface Look {
  readonly node: string;
  /** Of the daemon's process: what it has said once it does not take back while it lives. */
  readonly pid: number;
  readonly kind: 'allocation' | 'tunnel';
  /** Empty: everybody. */
  readonly owner: string;
  readonly revision: bigint;
  readonly stale: boolean;
  readonly atNs: number;
  /** Key (`allocation/<id>`) to etag. */
  readonly etags: ReadonlyMap<string, string>;
  /** It did not show them at this revision, which it was given time to come to: why. */
  readonly problem?: string;
}

/** How far a daemon says that it is. */
export interface Fold {
  readonly node: string;
  /** Of the daemon's process. */
  readonly pid: number;
  readonly revision: bigint;
  readonly atNs: number;
}

/** What a node has told its privileged half to hold, after one more want. */
export interface Told {
  readonly node: string;
  readonly revision: bigint;
  readonly atNs: number;
  /** Of the access interface, and their digest (check/peers.ts). */
  readonly peers: number;
  readonly digest: string;
}

/** What a reader was handed at once: everything after `from`, up to and with `revision`; relisted: all that stood then. */
export interface Reading {
  readonly reader: string;
  readonly relisted: boolean;
  readonly from: bigint;
  readonly revision: bigint;
  readonly events: number;
  /** Of the events, as digestOf makes it. */
  readonly digest: string;
}

/** A station has shaken hands at a node: it is there until its next visit. */
export interface Visit {
  readonly tunnel: string;
  readonly node: string;
  readonly atNs: number;
}

/** Where a daemon says that a tunnel is, after everything has come to rest. */
export interface Sight {
  readonly node: string;
  readonly tunnel: string;
  readonly holder: string;
}

/** Whether a login is good at a daemon, after everything has come to rest. */
export interface LoginCheck {
  readonly node: string;
  /** Request id of the login, and of what was to end it: a logout, a suspension. */
  readonly login: string;
  readonly ends: readonly string[];
  readonly good: boolean;
}

/** What a daemon's process has of the machine. */
export interface Sample {
  readonly node: string;
  readonly pid: number;
  readonly atNs: number;
  readonly rssBytes: number;
  readonly files: number;
  /** Absent: the process does not tell. */
  readonly timers?: number;
}

/** Pings through a tunnel: `down` to its client, `up` from it. */
export interface Probe {
  readonly direction: 'up' | 'down';
  readonly beganNs: number;
  readonly intervalMs: number;
  readonly sent: number;
  /** Sequence numbers, from 1, of those that came back, in their order; and when each was sent, in milliseconds since the first. */
  readonly answered: readonly number[];
  readonly sentMs: readonly number[];
}

/** Whether, after a fault, packets pass to or from here, or a node holds what the records say; empty: it is so. */
export interface Holding {
  readonly what: 'packets' | 'records';
  readonly node: string;
  /** Milliseconds since the run began, and since the fault was over. */
  readonly atMs: number;
  readonly afterMs: number;
  readonly problem: string;
}

export interface History {
  readonly attempts: readonly Attempt[];
  readonly looks: readonly Look[];
  readonly folds: readonly Fold[];
  readonly told: readonly Told[];
  readonly readings: readonly Reading[];
  readonly visits: readonly Visit[];
  readonly sights: readonly Sight[];
  readonly logins: readonly LoginCheck[];
  readonly samples: readonly Sample[];
  readonly probes: readonly Probe[];
  readonly holdings: readonly Holding[];
}

export type HistoryRecorder = { readonly [K in keyof History]: History[K][number][] };

export const recordHistory = (): HistoryRecorder => ({
  ...{
    attempts: [],
    looks: [],
    folds: [],
    told: [],
    readings: [],
    visits: [],
    sights: [],
    logins: [],
    samples: [],
    probes: [],
    holdings: [],
  },
});

const plain = (_: string, value: unknown): unknown => {
  if (typeof value === 'bigint') return value.toString();
  return value instanceof Map ? Object.fromEntries(value) : value;
};

/** One JSON object a line, for people; revisions are decimal strings. */
export function* historyLines(history: History): Generator<string> {
  for (const lines of Object.values(history)) for (const line of lines) yield `${JSON.stringify(line, plain)}\n`;
}
