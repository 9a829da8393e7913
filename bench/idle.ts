// Idle: tunnels that do nothing but to stay: a keepalive each 25 s, and a new session each 120 s, as a stock client with such a
// keepalive has it (WireGuard paper, 6.1: it is sending that begins a new one), all spread evenly, so that any span is like any other.

import { realClock } from '#internal/clock/clock.ts';
import type { Caller } from '#internal/testkit/noise.ts';
import type { WireguardClients } from '#internal/testkit/wireguard-clients.ts';
import type { Idle, Idled } from './load.ts';

const tickMs = 5;
const nothing = Buffer.alloc(0);

/** Gives what ends it and tells what was done. */
export function keepIdle(clients: WireguardClients, callers: readonly Caller[], idle: Idle): () => Idled {
  const { tunnels, keepaliveMs, sessionMs } = idle;
  const began = realClock.monotonicMs();
  let [keepalives, handshakes, answered, failed] = [0, 0, 0, 0];
  const tick = (): void => {
    const elapsed = realClock.monotonicMs() - began;
    for (; keepalives < (elapsed * tunnels) / keepaliveMs; keepalives += 1) {
      const at = keepalives % tunnels;
      const sealed = clients.session(at)?.seal(nothing);
      if (sealed !== undefined) clients.send(at, sealed);
    }
    for (; handshakes < (elapsed * tunnels) / sessionMs; handshakes += 1)
      void clients.connect(callers, [handshakes % tunnels]).then(
        () => (answered += 1),
        () => (failed += 1),
      );
  };
  const timer = setInterval(tick, tickMs);
  return () => {
    clearInterval(timer);
    return { keepalives, handshakes, answered, failed, ms: realClock.monotonicMs() - began };
  };
}
