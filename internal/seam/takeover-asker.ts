// Takeover asker: an admin's order to take over, and what became of it.

import { createAsker } from './asker.ts';
import type { AskTakeover, TakenOver } from './message.ts';

/** Milliseconds: a move that loses nothing may take its time (takeover/move.ts: 3 and 40 s), and the one before it 3 s more. */
const answerTimeoutMs = 60_000;

export interface TakeoverAsker {
  /** Gives why it did not, empty when it did. @throws Fault `unavailable`: the privileged half does not answer */
  ask(): Promise<string>;
  told(message: TakenOver): void;
  lost(): void;
}

export function createTakeoverAsker(send: (message: AskTakeover) => void): TakeoverAsker {
  const { ask, told, lost } = createAsker<TakenOver>(answerTimeoutMs);
  return { ask: async () => (await ask((number) => send({ type: 'ask-takeover', number }))).problem, told, lost };
}
