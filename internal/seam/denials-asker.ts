// Denials asker: the network half's questions about what the firewall has refused.

import { createAsker } from './asker.ts';
import type { AskDenials, Denials, Denied } from './message.ts';

export interface DenialsAsker {
  /** @throws Fault `unavailable`: the privileged half is away, or does not answer */
  ask(prefixes: readonly string[]): Promise<readonly Denied[]>;
  told(message: Denials): void;
  /** The privileged half is away: nobody will answer. */
  lost(): void;
}

export function createDenialsAsker(send: (message: AskDenials) => void): DenialsAsker {
  const { ask, told, lost } = createAsker<Denials>();
  return {
    ask: async (prefixes) => (await ask((number) => send({ type: 'ask-denials', number, prefixes }))).denied,
    told,
    lost,
  };
}
