// Wait applied: until nodes hold a revision, or patience ends.

import { Fault } from '#internal/errors/errors.ts';
import { NotApplied } from './io.ts';
import type { Session } from './session.ts';

/** The nodes that are waited for: these, those of a tunnel's placement, or, of neither, all. */
export interface Awaited {
  readonly tunnel?: string;
  readonly nodeIds?: string[];
}

/** Throws NotApplied when the time is over, or when nobody can be asked any more. */
export async function waitUntilApplied(
  session: Session,
  what: Awaited & { readonly revision: bigint },
  seconds: number,
): Promise<void> {
  const { status } = await session.client();
  let pending: readonly string[] = [];
  try {
    for await (const { pendingNodeIds } of status.waitApplied(what, { deadlineMs: seconds * 1_000 })) {
      pending = pendingNodeIds;
    }
  } catch (thrown) {
    if (!(thrown instanceof Fault)) throw thrown;
    const why = thrown.code === 'deadline' ? `within ${seconds} s` : `: ${thrown.message}`;
    const where = pending.length === 0 ? 'is not known to be applied' : `is not applied on ${pending.join(', ')}`;
    throw new NotApplied(`revision ${what.revision} ${where} ${why}`);
  }
}
