// Echo asker: the network half's questions about how far an address is.

import { createAsker } from './asker.ts';
import type { AskEcho, Echo } from './echo-message.ts';

export interface EchoAsker {
  /** @throws Fault `unavailable`: the privileged half is away, or does not answer */
  ask(question: Pick<AskEcho, 'netns' | 'address' | 'from'>): Promise<Pick<Echo, 'rttMs' | 'problem'>>;
  told(message: Echo): void;
  /** The privileged half is away: nobody will answer. */
  lost(): void;
}

export function createEchoAsker(send: (message: AskEcho) => void): EchoAsker {
  const { ask, told, lost } = createAsker<Echo>();
  return { ask: (question) => ask((number) => send({ type: 'ask-echo', number, ...question })), told, lost };
}
