// Order: which endpoint to ask first.

import type { Clock } from '#internal/clock/clock.ts';
import type { Endpoint } from './endpoint.ts';

export interface Order {
  /** Those whose last call succeeded, as configured (local first); then the failing ones, longest ago first. */
  list(): readonly Endpoint[];
  succeeded(endpoint: Endpoint): void;
  failed(endpoint: Endpoint): void;
  close(): void;
}

const firstProbeMs = 500;
const lastProbeMs = 5_000;

/**
 * A failing endpoint comes back by a probe of our own, never by a user's request: a write sent to a member that hangs
 * would be ambiguous.
 */
export function openOrder(endpoints: readonly Endpoint[], clock: Clock): Order {
  const failedAtMs = new Map<Endpoint, number>();
  const closing = new AbortController();

  const probe = async (endpoint: Endpoint) => {
    for (let pauseMs = firstProbeMs; failedAtMs.has(endpoint); pauseMs = Math.min(2 * pauseMs, lastProbeMs)) {
      await clock.sleep(pauseMs, closing.signal);
      await endpoint.header().then(
        () => failedAtMs.delete(endpoint),
        () => undefined,
      );
    }
  };

  return {
    list: () => endpoints.toSorted((a, b) => (failedAtMs.get(a) ?? 0) - (failedAtMs.get(b) ?? 0)),
    succeeded(endpoint) {
      failedAtMs.delete(endpoint);
    },
    failed(endpoint) {
      const known = failedAtMs.has(endpoint);
      // Not 0, which means healthy.
      failedAtMs.set(endpoint, Math.max(clock.monotonicMs(), Number.MIN_VALUE));
      if (!known) probe(endpoint).catch(() => undefined); // ends by closing only
    },
    close: () => closing.abort(new Error('etcd client closed')),
  };
}
