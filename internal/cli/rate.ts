// Rate: bits a second as people say them, 10M or 1500k, and as the API counts them.

import { InvalidArgumentError } from 'commander';

// SI, as links are sold; largest first.
const units = [
  ['G', 1_000_000_000n],
  ['M', 1_000_000n],
  ['k', 1_000n],
] as const;

/** `10M`, `1500k`, `2G`, or bits a second; `unlimited` is 0. Ranges are the daemon's to judge. */
export function rate(text: string): bigint {
  if (text === 'unlimited') return 0n;
  const [, digits, unit = ''] = /^([0-9]{1,15})([kKMG])?$/.exec(text) ?? [];
  if (digits === undefined) {
    throw new InvalidArgumentError('a rate in bits a second, like 10M, 1500k, 2G or 64000, or unlimited.');
  }
  const size = units.find(([name]) => name.toLowerCase() === unit.toLowerCase())?.[1] ?? 1n;
  return BigInt(digits) * size;
}

/** In the largest unit that divides it, as `rate` reads it. */
export function rateText(bitPerSecond: bigint, none = 'unlimited'): string {
  if (bitPerSecond === 0n) return none;
  const [unit, size] = units.find(([, each]) => bitPerSecond % each === 0n) ?? ['', 1n];
  return `${bitPerSecond / size}${unit}`;
}
