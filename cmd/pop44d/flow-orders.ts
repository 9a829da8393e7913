// Flow orders: what the network half wants of flows of tunnels that leave this node or have come to it.

import type { Flows } from '#internal/driver/conntrack/conntrack.ts';
import { messageOf } from '#internal/errors/errors.ts';
import type { Log } from '#internal/log/log.ts';
import type { FromDataplane, FromNetwork } from '#internal/seam/seam.ts';

export interface FlowOrderParts {
  readonly flows: Pick<Flows, 'open' | 'carry'>;
  readonly answer: (message: FromDataplane) => void;
  readonly log: Pick<Log, 'error'>;
}

export function carryOut(
  message: Extract<FromNetwork, { readonly type: 'ask-flows' | 'carry-flows' }>,
  { flows, answer, log }: FlowOrderParts,
): void {
  if (message.type === 'carry-flows') {
    flows.carry(message.flows).catch((cause: unknown) => log.error('flows-not-carried', { reason: messageOf(cause) }));
    return;
  }
  const { number, prefixes } = message;
  flows.open(prefixes).then(
    (open) => answer({ type: 'open-flows', number, flows: open }),
    (cause: unknown) => log.error('flows-unread', { reason: messageOf(cause) }),
  );
}
