// Kept: what is remembered of a BIRD beside its configuration, in files that outlive this process. One that is torn or
// strange is as good as none.

import { createHash } from 'node:crypto';
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { type Bird, type Lifeline, purposes } from '#internal/dataplane/dataplane.ts';
import type { Purpose } from './judge.ts';

/** Which text BIRD runs: it tells only when it loaded one. */
export interface Loaded {
  /** Of the text as BIRD reads it. */
  readonly sha256: string;
  /** As the dataplane has it, where that is another one: passwords are sealed in it. */
  readonly told?: string;
  readonly rebootAt: string;
  readonly reconfiguredAt: string;
  readonly lifelines: readonly Lifeline[];
  /** With which it was started; absent: 0. */
  readonly generation?: number;
}

/** A text that was about to be loaded, and neither confirmed nor undone since. */
export interface Tried {
  /** Of what its shares stand in (daemon.ts), as that of one that was undone. */
  readonly sha256: string;
  readonly expected: readonly Purpose[];
  /** How often BIRD has ended meanwhile. */
  readonly deaths: number;
}

/** A text that was undone. */
export interface Undone {
  readonly sha256: string;
  readonly reason: string;
  readonly expected: readonly Purpose[];
  /** Unix time in milliseconds. */
  readonly atMs: number;
}

export const hashOf = (text: string): string => createHash('sha256').update(text).digest('hex');

/** Shares of paths (desired/bird.ts): a text that was undone is not another one because these have changed. */
const shares = / (?:weight = \d+|bgp_path\.prepend\(\d+\)|cost \d+|ecmp weight \d+);/g;
export const likenessOf = (text: string): string => hashOf(text.replaceAll(shares, ''));

/** A text as BIRD reads it. */
export interface Brought extends Bird {
  /** The same as the dataplane has it, with what is sealed. */
  readonly told: string;
}

export const generationOf = ({ generation = 0 }: Pick<Bird, 'generation'>): number => generation;

/** What is kept of a text that BIRD runs, but for its times. */
export const asLoaded = (
  { text: read, told, lifelines }: Brought,
  generation: number,
): Omit<Loaded, 'rebootAt' | 'reconfiguredAt'> => ({
  sha256: hashOf(read),
  ...(told !== read && { told }),
  lifelines,
  ...(generation > 0 && { generation }),
});

export interface Kept<T> {
  read(): T | undefined;
  write(value: T): void;
  forget(): void;
}

type Check = (value: unknown) => boolean;
const text: Check = (value) => typeof value === 'string';
const number: Check = (value) => typeof value === 'number' && Number.isFinite(value);
const purpose: Check = (value) => purposes.some((each) => each === value);
const list =
  (check: Check): Check =>
  (value) =>
    Array.isArray(value) && value.every(check);

const optional =
  (check: Check): Check =>
  (value) =>
    value === undefined || check(value);

type Shape<T> = { readonly [F in keyof T]-?: Check };
const has =
  <T>(shape: Shape<T>) =>
  (value: unknown): value is T =>
    typeof value === 'object' &&
    value !== null &&
    Object.entries<Check>(shape).every(([name, check]) => check((value as Readonly<Record<string, unknown>>)[name]));

const isLifeline = has<Lifeline>({ to: purpose, sessions: list(text) });
export const isLoaded = has<Loaded>({
  sha256: text,
  told: optional(text),
  rebootAt: text,
  reconfiguredAt: text,
  lifelines: list(isLifeline),
  generation: optional(number),
});
export const isTried = has<Tried>({ sha256: text, expected: list(purpose), deaths: number });
export const isUndone = has<Undone>({ sha256: text, reason: text, expected: list(purpose), atMs: number });

export function kept<T>(path: string, is: (value: unknown) => value is T): Kept<T> {
  return {
    read() {
      try {
        const value: unknown = JSON.parse(readFileSync(path, 'utf8'));
        return is(value) ? value : undefined;
      } catch {
        // Absent or torn.
        return undefined;
      }
    },
    write(value) {
      // For root alone: with the hash of a text that is known but for a password, a password that somebody thought of is guessed.
      writeFileSync(`${path}.new`, JSON.stringify(value), { mode: 0o600 });
      renameSync(`${path}.new`, path);
    },
    forget: () => rmSync(path, { force: true }),
  };
}
