// Doubt: what a caller is told when the store, or a leader, did not answer.

import { Fault } from '#internal/errors/errors.ts';

export function pending(requestId: string, cause?: unknown): Fault {
  const text = `request ${requestId} may have been carried out; repeat it with the same request id to learn of it`;
  return new Fault('pending', text, cause);
}

/** The store's words for not answering; a read may be called ambiguous too, and has changed nothing. */
const away: ReadonlySet<string> = new Set(['unavailable', 'ambiguous', 'behind', 'timeout']);

/** @param ambiguous a commit was tried that may have been carried out */
export function faultOf(thrown: unknown, ambiguous: boolean, requestId: string): unknown {
  if (!(thrown instanceof Fault) || !away.has(thrown.code)) return thrown;
  if (ambiguous) return pending(requestId, thrown);
  const text = 'the daemon has lost touch with the store; nothing was changed; try again in a second';
  return new Fault('unavailable', text, thrown);
}
