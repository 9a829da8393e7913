// Gateways: whether the way out of an endpoint on a LAN stands, as the kernel's questions to its neighbours have it.
//
// BIRD knows nothing of it, and a gateway need not speak BFD: each second the kernel is made to ask it (adr/0030).

import type { Clock } from '#internal/clock/clock.ts';
import type { Pair } from '#internal/dataplane/dataplane.ts';

export interface GatewayParts {
  /** `unknown`: asked, and not answered yet. */
  readonly neighbour: (gateway: string) => Promise<'up' | 'down' | 'unknown'>;
  /** A look failed; there will be another. */
  readonly failed: (cause: unknown) => void;
  readonly clock: Clock;
}

export interface Gateways {
  /** Of the pair's gateways at least one answers, is not known yet, or there is none to ask. */
  reachable(pair: Pair): boolean;
  /** Asks them, if the last time is a second ago; nobody waits for the answers. */
  look(pair: Pair): void;
}

const lookEachMs = 1_000;

export const gatewaysOf = ({ gateway4, gateway6 }: Pair): readonly string[] =>
  [gateway4, gateway6].filter((gateway) => gateway !== undefined);

export function createGateways({ neighbour, failed, clock }: GatewayParts): Gateways {
  /** Those that do not answer. What is not known leaves them as they were: nothing moves by that. */
  const silent = new Set<string>();

  let lookedMs = Number.NEGATIVE_INFINITY;
  let looking = false;

  async function ask(gateway: string): Promise<void> {
    const state = await neighbour(gateway);
    if (state === 'down') silent.add(gateway);
    if (state === 'up') silent.delete(gateway);
  }
  return {
    reachable: (pair) => {
      const gateways = gatewaysOf(pair);
      return gateways.length === 0 || gateways.some((gateway) => !silent.has(gateway));
    },
    look: (pair) => {
      const gateways = gatewaysOf(pair);
      const nowMs = clock.monotonicMs();
      if (looking || gateways.length === 0 || nowMs - lookedMs < lookEachMs) return;
      lookedMs = nowMs;
      looking = true;
      void Promise.all(gateways.map(ask))
        .catch(failed)
        .finally(() => {
          looking = false;
        });
    },
  };
}
