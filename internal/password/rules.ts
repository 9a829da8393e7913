// Rules: NIST SP 800-63B-4 3.1.1.2: long, not a common one, and nothing else asked of it.

import { hash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { type Refusal, refuse } from '#internal/errors/errors.ts';

/** Characters (code points after NFC): NIST SP 800-63B-4 wants 15 where there is no second factor. */
const shortestPassword = 15;
/** It wants 64 at least; more than this is no password, and costs to normalise. */
const longestPassword = 256;

/** What is left when the words that anybody would try for this account are taken out. */
const leastLeft = 8;
/** Runs that fingers make. */
const runs = [
  'abcdefghijklmnopqrstuvwxyz',
  '01234567890123456789012345678901234567890',
  'qwertyuiopasdfghjklzxcvbnm',
  '1q2w3e4r5t6y7u8i9o0p',
];
const reversed = (text: string): string => Array.from(text).reverse().join('');
const allRuns = [...runs, ...runs.map(reversed)];

let common: ReadonlySet<string> | undefined;

/** Read with the first question: 90 kB that only daemons of COREs want. */
function commonPasswords(): ReadonlySet<string> {
  common ??= new Set(
    readFileSync(new URL('./common.txt', import.meta.url), 'utf8')
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('#')),
  );
  return common;
}

const isCommon = (lower: string): boolean =>
  commonPasswords().has(hash('sha256', lower, 'buffer').subarray(0, 6).toString('base64url'));

/** The same few characters over and over. */
const repeats = (lower: string): boolean => /^(.{1,5}?)\1+.{0,4}$/su.test(lower) && new Set(lower).size < leastLeft;

function withoutWords(lower: string, words: readonly string[]): string {
  let left = lower;
  for (const word of words) if (word.length >= 3) left = left.replaceAll(word, '');
  return left;
}

/**
 * Refuses `required` and `weak-password`, and never shows the value. `about`: what an attacker knows of the account.
 */
export function passwordProblem(
  field: string,
  password: string,
  about: { readonly callsign: string; readonly email: string },
): Refusal | undefined {
  const cure = `${shortestPassword} to ${longestPassword} characters of any kind, as a few words that nobody else would put together`;
  if (password === '') return refuse('required', { field, problem: 'is missing', cure });
  const weak = (problem: string): Refusal => refuse('weak-password', { field, problem, cure });
  if (!password.isWellFormed()) return weak('is no text');
  const normal = password.normalize('NFC');
  const length = Array.from(normal).length;
  if (length < shortestPassword) return weak(`has ${length} characters`);
  if (length > longestPassword) return weak(`has ${length} characters`);
  const lower = normal.toLowerCase();
  if (isCommon(lower)) return weak('is one of the commonest passwords');
  if (repeats(lower)) return weak('repeats itself');
  if (allRuns.some((run) => run.includes(lower))) return weak('is a run of neighbouring characters');
  const [local = ''] = about.email.toLowerCase().split('@');
  const words = [about.email.toLowerCase(), local, about.callsign.toLowerCase(), 'password', 'pop44', '44net'];
  const left = withoutWords(lower, words).replaceAll(/[^\p{L}\p{N}]/gu, '');
  if (Array.from(left).length < leastLeft && words.some((word) => word.length >= 3 && lower.includes(word))) {
    return weak('is hardly more than your callsign, your address or the name of this service');
  }
  return undefined;
}
