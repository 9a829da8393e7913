// Problem: an ACME server's no (RFC 8555 6.7), as a fault.

import { Fault } from '#internal/errors/errors.ts';
import type { Received } from './transport.ts';

/** Of what somebody else writes into our log. */
const longestText = 400;
const prefix = 'urn:ietf:params:acme:error:';

export class Problem extends Fault {
  /** `badNonce`, `rateLimited`; a whole URI where it is none of ACME's, empty where the server says none. */
  readonly type: string;
  /** Milliseconds until it may be asked again; undefined: it does not say. */
  readonly retryAfterMs: number | undefined;
  constructor(about: string, type: string, detail: string, retryAfterMs: number | undefined) {
    super('acme', `${about}: ${[type, detail].filter((text) => text !== '').join(': ')}`);
    this.name = 'Problem';
    this.type = type;
    this.retryAfterMs = retryAfterMs;
  }
}

const plainText = (value: unknown): string =>
  typeof value === 'string' ? value.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, ' ').slice(0, longestText) : '';

/** @param about what it is about: a host, a name */
export function problemOf(about: string, document: unknown, retryAfterMs?: number): Problem {
  const { type, detail } = (typeof document === 'object' && document !== null ? document : {}) as {
    readonly type?: unknown;
    readonly detail?: unknown;
  };
  return new Problem(about, plainText(type).replace(prefix, ''), plainText(detail), retryAfterMs);
}

/**
 * Milliseconds from `now` that Retry-After asks for, in seconds or as a date (RFC 9110 10.2.3); undefined: it is not there,
 * or says nothing.
 */
export function retryAfterMs({ headers }: Pick<Received, 'headers'>, now: Date): number | undefined {
  const value = headers['retry-after'];
  if (typeof value !== 'string') return undefined;
  if (/^\d{1,9}$/.test(value)) return Number(value) * 1_000;
  const date = Date.parse(value);
  return Number.isNaN(date) ? undefined : Math.max(0, date - now.getTime());
}
