// Flows asker: the network half's questions about what is open of tunnels that have moved to other nodes.

import type { Flow } from '#internal/dataplane/dataplane.ts';
import { createAsker } from './asker.ts';
import type { AskFlows, OpenFlows } from './message.ts';

export interface FlowsAsker {
  /** @throws Fault `unavailable`: the privileged half is away, or does not answer */
  ask(prefixes: readonly string[]): Promise<readonly Flow[]>;
  told(message: OpenFlows): void;
  lost(): void;
}

export function createFlowsAsker(send: (message: AskFlows) => void): FlowsAsker {
  const { ask, told, lost } = createAsker<OpenFlows>();
  return {
    ask: async (prefixes) => (await ask((number) => send({ type: 'ask-flows', number, prefixes }))).flows,
    told,
    lost,
  };
}
