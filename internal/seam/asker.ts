// Asker: the network half's questions to the privileged half, and the answers to them by their number.

import { Fault } from '#internal/errors/errors.ts';

/** Milliseconds: two processes of 20 ms, on a machine that is loading 10,000 tunnels. */
const usualTimeoutMs = 3_000;

export interface Asker<Answer extends { readonly number: number }> {
  /** @throws Fault `unavailable`: the privileged half is away, or does not answer */
  ask(send: (number: number) => void): Promise<Answer>;
  told(answer: Answer): void;
  /** The privileged half is away: nobody will answer. */
  lost(): void;
}

export function createAsker<Answer extends { readonly number: number }>(timeoutMs = usualTimeoutMs): Asker<Answer> {
  const waiting = new Map<number, PromiseWithResolvers<Answer>>();
  let last = 0;
  const away = (): Fault => new Fault('unavailable', 'the privileged half of this node does not answer');
  return {
    async ask(send) {
      last += 1;
      const own = last;
      const answer = Promise.withResolvers<Answer>();
      waiting.set(own, answer);
      const timer = setTimeout(() => answer.reject(away()), timeoutMs);
      try {
        send(own);
        return await answer.promise;
      } finally {
        clearTimeout(timer);
        waiting.delete(own);
      }
    },
    told: (answer) => waiting.get(answer.number)?.resolve(answer),
    lost: () => {
      for (const { reject } of waiting.values()) reject(away());
    },
  };
}
