// Contact asker: how much has come from peers so far, as their node's WireGuard has counted it.

import { createAsker } from './asker.ts';
import type { AskContact, Contact } from './message.ts';

export interface ContactAsker {
  /** Bytes by public key. @throws Fault `unavailable`: the privileged half does not answer */
  ask(peers: readonly string[]): Promise<ReadonlyMap<string, number>>;
  told(message: Contact): void;
  lost(): void;
}

export function createContactAsker(send: (message: AskContact) => void): ContactAsker {
  const { ask, told, lost } = createAsker<Contact>();
  return {
    ask: async (peers) => new Map((await ask((number) => send({ type: 'ask-contact', number, peers }))).peers),
    told,
    lost,
  };
}
