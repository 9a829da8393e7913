// Digest: what a batch of changes comes to, so that two who have seen it can be compared without keeping it.

import { createHash } from 'node:crypto';
import type { LoggedEvent } from '../event-log.ts';

/** Of a key's value. */
export const valueDigest = (value: Uint8Array): string =>
  createHash('sha256').update(value).digest('base64url').slice(0, 22);

/** In their order: key, revision, and the value if there is one. */
export function digestOf(events: readonly LoggedEvent[]): string {
  const hash = createHash('sha256');
  for (const { key, revision, value } of events) {
    hash.update(`${key} ${revision} ${value === undefined ? 'gone' : value.length} `);
    if (value !== undefined) hash.update(value);
  }
  return hash.digest('base64url').slice(0, 22);
}
