// History: what the clients of a chaos run asked and heard, one attempt each. Several attempts may bear one request id.

/** What a request asks for. */
export type Kind =
  | 'allocate'
  | 'release'
  | 'create-tunnel'
  | 'delete-tunnel'
  | 'delegate'
  | 'delete-pool'
  | 'create-reservation'
  | 'delete-reservation'
  | 'update-pool'
  | 'create-pool';

/**
 * What the client knows after the answer.
 * - `refused` and `unavailable`: this attempt changed nothing.
 * - `unknown`: it may have, or still may: deadline, a lost connection, `pending`.
 */
export type Outcome = 'ok' | 'refused' | 'unavailable' | 'unknown';

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
}

/** What a daemon said that an owner holds, quarantine included, at one revision. */
export interface Look {
  readonly node: string;
  /** Empty: everybody. */
  readonly owner: string;
  readonly revision: bigint;
  /** Key (`allocation/<id>`) to etag. */
  readonly allocations: ReadonlyMap<string, string>;
}

export interface History {
  readonly attempts: readonly Attempt[];
  readonly looks: readonly Look[];
}

export interface HistoryRecorder extends History {
  attempt(attempt: Attempt): void;
  look(look: Look): void;
}

export function recordHistory(): HistoryRecorder {
  const attempts: Attempt[] = [];
  const looks: Look[] = [];
  return {
    attempts,
    looks,
    attempt: (attempt) => attempts.push(attempt),
    look: (look) => looks.push(look),
  };
}

const plain = (_: string, value: unknown): unknown => {
  if (typeof value === 'bigint') return value.toString();
  return value instanceof Map ? Object.fromEntries(value) : value;
};

/** One JSON object a line; revisions are decimal strings. */
export function historyLines({ attempts, looks }: History): string {
  return [...attempts, ...looks].map((line) => `${JSON.stringify(line, plain)}\n`).join('');
}
