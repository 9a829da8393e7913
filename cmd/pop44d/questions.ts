// Questions: what the network half asks of the privileged half on behalf of who asks it.

import {
  createDenialsAsker,
  createEchoAsker,
  createFactsAsker,
  type DenialsAsker,
  type EchoAsker,
  type FactsAsker,
  type FromDataplane,
  type FromNetwork,
} from '#internal/seam/seam.ts';

export interface Questions {
  readonly denials: DenialsAsker['ask'];
  readonly facts: FactsAsker['ask'];
  readonly echo: EchoAsker['ask'];
  heard(message: FromDataplane): void;
  lost(): void;
}

export function createQuestions(send: (message: FromNetwork) => void): Questions {
  const denials = createDenialsAsker(send);
  const facts = createFactsAsker(send);
  const echoes = createEchoAsker(send);
  return {
    denials: denials.ask,
    facts: facts.ask,
    echo: echoes.ask,
    heard: (message) => {
      if (message.type === 'denials') denials.told(message);
      if (message.type === 'facts') facts.told(message);
      if (message.type === 'echo') echoes.told(message);
    },
    lost: () => {
      for (const asker of [denials, facts, echoes]) asker.lost();
    },
  };
}
