// Parse: words of a command line as values. Ranges are the daemon's to judge.

import { type Timestamp, timestampFromMs } from '@bufbuild/protobuf/wkt';
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

/** With its zone, so that it is the same time at whichever desk it is typed: a day begins in UTC. */
export function moment(text: string): Timestamp {
  const whole = /^\d{4}-\d{2}-\d{2}$/.test(text) ? `${text}T00:00:00Z` : text;
  const time = Date.parse(whole);
  if (!/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d{1,3})?)?(Z|[+-]\d{2}:\d{2})$/.test(whole) || Number.isNaN(time)) {
    throw new InvalidArgumentError('a time with its zone, like 2026-11-25T14:05:00Z, or a day.');
  }
  return timestampFromMs(time);
}
