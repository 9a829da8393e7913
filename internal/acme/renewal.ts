// Renewal: when a certificate is ordered anew, and when again after a failure. Pure: times and chance are arguments.

import type { CertificateFacts } from '#internal/identity/identity.ts';
import { renewableFrom } from '#internal/identity/identity.ts';

export type Life = Pick<CertificateFacts, 'notBefore' | 'notAfter'>;

/** When a server wants one renewed (RFC 9773 4.2). */
export interface Window {
  readonly start: Date;
  readonly end: Date;
}

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;

/** Instances that were started together do not order together. */
const spreadShare = 1 / 20;
/** What a server may not make us wait beyond: it would leave no time for failures. */
const leastLeftShare = 1 / 6;

const lifeMs = ({ notBefore, notAfter }: Life): number => notAfter.getTime() - notBefore.getTime();

/**
 * Without a server's advice: when a third of its life is left, or a little earlier by chance. With advice: by chance within
 * the window, but with a sixth left at the latest.
 * @param chance from 0 to 1, drawn once for each certificate and window
 */
export function renewalTime(life: Life, window: Window | undefined, chance: number): Date {
  if (window === undefined) return new Date(renewableFrom(life).getTime() - chance * spreadShare * lifeMs(life));
  const drawn = window.start.getTime() + chance * (window.end.getTime() - window.start.getTime());
  return new Date(Math.min(drawn, life.notAfter.getTime() - leastLeftShare * lifeMs(life)));
}

/**
 * Let's Encrypt lets five validations of a name fail in an hour, and one more each 12 minutes: 2, 4, 8 and 16 minutes, then
 * more, are within that.
 */
const firstRetryMs = 2 * minuteMs;
/** With days left there is no hurry; without, an hour is what it bears. */
const longestRetryMs = { least: hourMs, most: 6 * hourMs } as const;
const triesOfWhatIsLeft = 20;

/**
 * Milliseconds until the next try.
 * @param failures 1 after the first
 * @param leftMs of the life of the certificate in use; 0 without one
 * @param askedMs what the server asks for; it is waited for in any case, a day at most
 */
export function retryMs(failures: number, leftMs: number, chance: number, askedMs = 0): number {
  const longest = Math.min(longestRetryMs.most, Math.max(longestRetryMs.least, leftMs / triesOfWhatIsLeft));
  const usual = Math.min(longest, firstRetryMs * 2 ** (failures - 1));
  return Math.max(usual * (0.75 + chance / 2), Math.min(askedMs, 24 * hourMs));
}

/** How long advice is good for. RFC 9773 4.3.2: limits of a minute and a day are reasonable; 4.3.3: six hours. */
export function adviceMs(askedMs: number | undefined): number {
  return Math.min(24 * hourMs, Math.max(minuteMs, askedMs ?? 6 * hourMs));
}
