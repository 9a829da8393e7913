// Errors: the two ways in which something does not happen.
//
// A refusal says that a request cannot be granted: it is returned, names field, value and cure, and nothing has
// changed. A fault says that the world failed us: it is thrown, with its cause. Imports nothing.

/** Stable reason words: the same in the API, the logs, the metrics and the tests. */
export const reasons = [
  'invalid',
  'required',
  'not-found',
  'already-exists',
  'duplicate-key',
  'stale-etag',
  'request-id-reused',
  'host-bits',
  'misaligned',
  'outside-pool',
  'family-mismatch',
  'quota-exceeded',
  'has-children',
  'below-use',
  'not-owner',
  'reserved',
  'taken',
  'excluded-space',
  'overlap',
  'in-use',
  'pool-exhausted',
  'no-pool',
  'frozen',
  'suspended',
  'rotation-open',
  'not-ready',
  'unauthenticated',
  'forbidden',
  'conflict',
  'unavailable',
  'pending',
  'held',
  'expired',
  'used',
  'revoked',
  'busy',
  'weak-password',
] as const;
export type Reason = (typeof reasons)[number];

export interface Refusal {
  readonly refused: Reason;
  /** Path of the field as the API spells it: `tunnel.public_key`. Empty when it is about no single field. */
  readonly field: string;
  /** The refused value, cut to 80 characters; empty for secrets. */
  readonly value: string;
  /** What to do about it, as the end of a sentence: `44 characters of base64 for 32 bytes`. */
  readonly cure: string;
  /** The whole sentence: `tunnel.public_key: "abc" is not a WireGuard key (44 characters of base64 for 32 bytes)`. */
  readonly message: string;
  /** What is in the way, a line each, at most 20; absent when nothing is to be listed. */
  readonly obstacles?: readonly string[];
  /** Whoever asks the like is refused too, for so long; milliseconds. Absent: it is about this request. */
  readonly restMs?: number;
}

const mostObstacles = 20;

/** Cut to 80 characters, and never in the middle of one. */
const shown = (value: string): string =>
  value.length > 80 ? `${value.slice(0, 77).replace(/[\ud800-\udbff]$/, '')}...` : value;

/** As JSON, with what a terminal would not show, or would turn the sentence around by, spelled out. */
const quoted = (value: string): string =>
  JSON.stringify(value).replace(
    /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu,
    (character) => `\\u{${character.codePointAt(0)?.toString(16)}}`,
  );

/**
 * A refusal whose sentence is `field: "value" problem (cure)`; parts that are empty are left out.
 */
export function refuse(
  refused: Reason,
  about: {
    readonly field?: string;
    readonly value?: string;
    readonly problem: string;
    readonly cure: string;
    readonly obstacles?: readonly string[];
    readonly restMs?: number;
  },
): Refusal {
  const field = about.field ?? '';
  const value = shown(about.value ?? '');
  const subject = value === '' ? '' : `${quoted(value)} `;
  const cure = about.cure === '' ? '' : ` (${about.cure})`;
  return {
    refused,
    field,
    value,
    cure: about.cure,
    message: `${field === '' ? '' : `${field}: `}${subject}${about.problem}${cure}`,
    ...(about.obstacles && { obstacles: about.obstacles.slice(0, mostObstacles) }),
    ...(about.restMs !== undefined && { restMs: about.restMs }),
  };
}

export function isRefusal(outcome: unknown): outcome is Refusal {
  return typeof outcome === 'object' && outcome !== null && 'refused' in outcome && 'cure' in outcome;
}

/** The world failed us. `code` is a short stable word for logs and metrics. */
export class Fault extends Error {
  readonly code: string;
  constructor(code: string, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'Fault';
    this.code = code;
  }
}

/** The text of whatever was thrown. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
