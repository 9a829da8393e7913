// Parse: words of a command line as values. Ranges are the daemon's to judge.

import { InvalidArgumentError } from 'commander';

// The widest number field of the API.
const largest = 2 ** 32 - 1;

export const uint = (text: string): number => whole(text, 0);

function whole(text: string, from: number): number {
  const value = Number(text);
  if (/^[0-9]{1,10}$/.test(text) && value >= from && value <= largest) return value;
  throw new InvalidArgumentError(`a whole number from ${from} to ${largest}.`);
}

/** Of what the API takes a zero for "not said". */
export const count = (text: string): number => whole(text, 1);

/** `28` or `/28`, from 1. */
export function prefixLength(text: string): number {
  if (!/^\/?[1-9][0-9]{0,2}$/.test(text)) throw new InvalidArgumentError('a prefix length, like 28 or /64.');
  return Number(text.replace('/', ''));
}

export function revision(text: string): bigint {
  if (!/^[0-9]{1,19}$/.test(text)) throw new InvalidArgumentError('a revision, as an answer to a change tells it.');
  return BigInt(text);
}

/** Of an option that may be given several times. */
export function several(text: string, before: readonly string[] = []): readonly string[] {
  return [...before, text];
}

const longestWaitSeconds = 3_600;

export function seconds(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !(value > 0) || value > longestWaitSeconds) {
    throw new InvalidArgumentError(`seconds, more than 0 and at most ${longestWaitSeconds}.`);
  }
  return value;
}
