// Fate: what became of the end of a chain that was signed.

import type { AuditAnchor, AuditHead } from '#internal/gen/pop44/store/v1/records_pb.ts';

export type Fate = 'stands' | 'trimmed' | 'changed' | 'gone';

const same = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0;

/**
 * @param found SHA-256 of the record that stands in its place now; undefined: none does
 * @param anchor where the chain begins, if its beginning was exported and taken away
 */
export function fateOf(head: AuditHead, found: Uint8Array | undefined, anchor: AuditAnchor | undefined): Fate {
  if (found !== undefined) return same(found, head.hash) ? 'stands' : 'changed';
  if (anchor === undefined || anchor.number < head.number) return 'gone';
  return anchor.number > head.number || same(anchor.hash, head.hash) ? 'trimmed' : 'changed';
}
