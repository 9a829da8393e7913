// Wires how busy this node is into its report: its processors, and what it carries for tunnels.

import { availableParallelism, loadavg } from 'node:os';
import type { Clock } from '#internal/clock/clock.ts';
import type { Live } from '#internal/presence/presence.ts';
import type { FromDataplane } from '#internal/seam/seam.ts';
import type { Report } from '#internal/status/status.ts';
import { createHandshakeCount, type Traffic } from '#internal/traffic/traffic.ts';

interface Load {
  /** From the privileged half. */
  heard(message: FromDataplane): void;
  now(): Pick<Report, 'load' | 'traffic' | 'busiest'>;
}

export function createLoad(traffic: Pick<Traffic, 'now'>, live: Pick<Live, 'sessions'>, clock: Clock): Load {
  const handshakes = createHandshakeCount();
  const nowMs = (): number => clock.wall().getTime();
  return {
    heard: (message) => {
      if (message.type !== 'handshakes') return;
      handshakes.take(
        message.peers.map(([, shookMs]) => shookMs),
        nowMs(),
      );
    },
    now: () => {
      const { busiest, ...rates } = traffic.now();
      const [load = 0] = loadavg();
      return {
        load: load / availableParallelism(),
        busiest,
        traffic: { ...rates, sessions: live.sessions(), handshakesPerMinute: handshakes.perMinute(nowMs()) },
      };
    },
  };
}
