// Duration: times as people say them, 24h or 90s, and as the API counts them, in seconds.

import { InvalidArgumentError } from 'commander';

const secondsIn = { s: 1, m: 60, h: 3_600, d: 86_400 } as const;
type Unit = keyof typeof secondsIn;
// The widest number field of the API.
const largest = 2 ** 32 - 1;

/** `90s`, `30m`, `24h`, `7d`; a bare number is seconds. */
export function duration(text: string): number {
  const [, digits, unit = 's'] = /^([0-9]{1,10})([smhd])?$/.exec(text) ?? [];
  const seconds = Number(digits) * secondsIn[unit as Unit];
  if (!(seconds <= largest)) throw new InvalidArgumentError('a duration, like 90s, 30m, 24h or 7d.');
  return seconds;
}

/** In the largest unit that divides it: `24 h`, `7 d`, `90 s`. */
export function durationText(seconds: number): string {
  if (seconds === 0) return 'none';
  // A single day is said in hours.
  if (seconds % secondsIn.d === 0 && seconds > secondsIn.d) return `${seconds / secondsIn.d} d`;
  if (seconds % secondsIn.h === 0) return `${seconds / secondsIn.h} h`;
  if (seconds % secondsIn.m === 0) return `${seconds / secondsIn.m} min`;
  return `${seconds} s`;
}
