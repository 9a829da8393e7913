// Facts asker: the network half's questions about what the kernel holds, and the answers to them.

import { createAsker } from './asker.ts';
import type { AskFacts, Facts } from './message.ts';

/** Milliseconds: a fresh observation of a node with 65,536 peers takes about 2 s; a question has 5 (client/open.ts). */
const answerTimeoutMs = 4_000;

export type FactsQuestion = Pick<AskFacts, 'keys' | 'to'>;
export type FactsAnswer = Pick<Facts, 'items' | 'way' | 'sessions'>;

export interface FactsAsker {
  /** @throws Fault `unavailable`: the privileged half is away, or does not answer */
  ask(question: FactsQuestion): Promise<FactsAnswer>;
  told(message: Facts): void;
  /** The privileged half is away: nobody will answer. */
  lost(): void;
}

export function createFactsAsker(send: (message: AskFacts) => void): FactsAsker {
  const { ask, told, lost } = createAsker<Facts>(answerTimeoutMs);
  return { ask: (question) => ask((number) => send({ type: 'ask-facts', number, ...question })), told, lost };
}
