// Outcome: what came of a call, in a word.

import { Fault } from '#internal/errors/errors.ts';

/** `granted`, the word of a refusal, or that of a fault. @throws what is neither */
export async function outcomeOf(call: Promise<unknown>): Promise<string> {
  try {
    await call;
    return 'granted';
  } catch (thrown) {
    if (thrown instanceof Error && 'refusal' in thrown) return (thrown.refusal as { readonly refused: string }).refused;
    if (thrown instanceof Fault) return thrown.code;
    throw thrown;
  }
}
