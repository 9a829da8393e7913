// Io: everything of the outside world that a verb uses; a test gives its own.

import type { Client } from '#internal/client/client.ts';
import type { Clock } from '#internal/clock/clock.ts';
import type { Refusal } from '#internal/errors/errors.ts';
import type { Screen } from './screen.ts';

export interface Sink {
  write(text: string): unknown;
  readonly isTTY?: boolean;
}

/** Which daemons are spoken to, and as whom. */
export interface Where {
  readonly context?: string;
  readonly node?: string;
  /** Without the login or token that is kept here; a certificate is shown all the same. */
  readonly anonymous?: true;
}

export interface Io {
  readonly version: string;
  readonly stdout: Sink;
  readonly stderr: Sink;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly uid: number;
  readonly cwd: string;
  readonly clock: Clock;
  /** What is on standard input, to its end. */
  stdin(): Promise<string>;
  /** Asks on the terminal. Throws UsageError where there is none. */
  ask(prompt: string): Promise<string>;
  /** As ask, and shows nothing of what is typed. */
  askSecret(prompt: string): Promise<string>;
  openClient(where: Where): Promise<Client>;
  /** The line that a person types at the question; undefined: nobody is at a terminal. */
  askWhoIsThere(question: string): Promise<string | undefined>;
  /** Takes the terminal as one page; undefined: there is none. */
  openScreen(): Promise<Screen | undefined>;
  /** Becomes that program. Gives back only in tests. */
  become(argv: readonly [string, ...string[]]): void;
}

/** Exit codes that scripts rely on. */
export const exitCodes = {
  done: 0,
  /** Or something is left. */
  fault: 1,
  usage: 2,
  refused: 3,
  /** Accepted, and not applied everywhere when the wait ended. */
  notApplied: 4,
} as const;

/** argv asks for what makes no sense. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** It was done as far as it goes, and something is left: exit code 1. */
export class Unfinished extends Error {
  override readonly name = 'Unfinished';
}

/** A refusal that needs no daemon; told, and ended with, as one of a daemon's. */
export class Declined extends Error {
  override readonly name = 'Refused';
  readonly refusal: Refusal;
  constructor(refusal: Refusal) {
    super(refusal.message);
    this.refusal = refusal;
  }
}

/** Of rpc's Refused, told by its shape: its class would drag gRPC into every start. */
export function refusalOf(thrown: unknown): Refusal | undefined {
  if (!(thrown instanceof Error) || thrown.name !== 'Refused' || !('refusal' in thrown)) return undefined;
  return thrown.refusal as Refusal;
}

export class NotApplied extends Error {
  override readonly name = 'NotApplied';
}
