// Work: what a sign-up has to find before it is taken: a number whose SHA-256 with a challenge begins with zero bits.
//
// A challenge is good for ten minutes, for one source, and once for each instance: what was spent is remembered in memory.

import { createHmac, hash, timingSafeEqual } from 'node:crypto';
import type { Clock } from '#internal/clock/clock.ts';

export interface Work {
  readonly bits: number;
  /** `<expiry>.<nonce>.<mac>`, for the page. */
  challenge(source: string): string;
  /** Whether the number solves it; it does so once. */
  spend(challenge: string, answer: string, source: string): boolean;
}

const lifeMs = 600_000;
/** Solved ones that are remembered; each has cost its sender some 2^bits hashes. */
const mostSpent = 100_000;

/** @param key 32 bytes; of several instances behind one name the same */
export function createWork(key: Buffer, bits: number, clock: Clock, newNonce: () => string): Work {
  const spent = new Map<string, number>();
  const macOf = (text: string, source: string): string =>
    createHmac('sha256', key).update(`work ${text} ${source}`).digest('base64url');

  function forgetOld(nowMs: number): void {
    for (const [challenge, endsMs] of spent) {
      if (endsMs > nowMs && spent.size <= mostSpent) break;
      spent.delete(challenge);
    }
  }

  return {
    bits,
    challenge(source) {
      const text = `${clock.wall().getTime() + lifeMs}.${newNonce()}`;
      return `${text}.${macOf(text, source)}`;
    },
    spend(challenge, answer, source) {
      if (bits === 0) return true;
      const nowMs = clock.wall().getTime();
      const [ends = '', nonce = '', mac = ''] = challenge.split('.');
      const wanted = macOf(`${ends}.${nonce}`, source);
      if (mac.length !== wanted.length || !timingSafeEqual(Buffer.from(mac), Buffer.from(wanted))) return false;
      if (Number(ends) <= nowMs || spent.has(challenge) || !/^\d{1,15}$/.test(answer)) return false;
      if (zeroBits(hash('sha256', `${challenge} ${answer}`, 'buffer')) < bits) return false;
      forgetOld(nowMs);
      spent.set(challenge, Number(ends));
      return true;
    },
  };
}

export function zeroBits(bytes: Uint8Array): number {
  let bits = 0;
  for (const byte of bytes) {
    if (byte !== 0) return bits + Math.clz32(byte) - 24;
    bits += 8;
  }
  return bits;
}
