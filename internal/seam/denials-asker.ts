// Denials asker: the network half's questions about what the firewall has refused, and the answers to them.

import { Fault } from '#internal/errors/errors.ts';
import type { AskDenials, Denials, Denied } from './message.ts';

/** Milliseconds: two processes of 20 ms, on a machine that is loading 10,000 tunnels. */
const answerTimeoutMs = 3_000;

export interface DenialsAsker {
  /** @throws Fault `unavailable`: the privileged half is away, or does not answer */
  ask(prefixes: readonly string[]): Promise<readonly Denied[]>;
  told(message: Denials): void;
  /** The privileged half is away: nobody will answer. */
  lost(): void;
}

export function createDenialsAsker(send: (message: AskDenials) => void): DenialsAsker {
  const waiting = new Map<number, PromiseWithResolvers<readonly Denied[]>>();
  let number = 0;
  const away = (): Fault => new Fault('unavailable', 'the privileged half of this node does not answer');
  return {
    async ask(prefixes) {
      number += 1;
      const own = number;
      const answer = Promise.withResolvers<readonly Denied[]>();
      waiting.set(own, answer);
      const timer = setTimeout(() => answer.reject(away()), answerTimeoutMs);
      try {
        send({ type: 'ask-denials', number: own, prefixes });
        return await answer.promise;
      } finally {
        clearTimeout(timer);
        waiting.delete(own);
      }
    },
    told: ({ number: of, denied }) => waiting.get(of)?.resolve(denied),
    lost: () => {
      for (const { reject } of waiting.values()) reject(away());
    },
  };
}
