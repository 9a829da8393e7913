// Probing: pings through a tunnel for as long as a run lasts, in both directions, and which of them came back.

import type { World } from '#internal/testkit/lab/lab.ts';
import type { HistoryRecorder, Probe } from './history.ts';

const intervalMs = 20;

export interface Probing {
  /** Ends them; what came back is in the history then. */
  stop(): Promise<void>;
}

/** `[1795733000.5] 64 bytes from 44.32.0.1: icmp_seq=7 ttl=60 time=3.2 ms`: Unix time of a reply in seconds, ping(8) -D. */
const reply = /^\[([0-9.]+)\] \d+ bytes from .*icmp_seq=(\d+) .*time=([0-9.]+) ms/gm;

/** On a loaded machine the interval is longer than asked for: when each was sent is told by its reply. */
export function repliesIn(text: string, beganMs: number): Pick<Probe, 'answered' | 'sentMs'> {
  const sentMs = new Map<number, number>();
  for (const [, at, sequence, tripMs] of text.matchAll(reply)) {
    const sent = Number(at) * 1_000 - Number(tripMs) - beganMs;
    if (!sentMs.has(Number(sequence))) sentMs.set(Number(sequence), sent);
  }
  const sorted = [...sentMs].sort(([a], [b]) => a - b);
  return { answered: sorted.map(([sequence]) => sequence), sentMs: sorted.map(([, ms]) => ms) };
}

export function startProbes(
  lab: World,
  ways: readonly { readonly direction: Probe['direction']; readonly from: string; readonly to: string }[],
  history: HistoryRecorder,
  mostSeconds: number,
): Probing {
  const probes = ways.map(async ({ direction, from, to }) => {
    const [beganNs, beganMs] = [Math.round(lab.clock.monotonicMs() * 1e6), lab.clock.wall().getTime()];
    // Not by -w: with that, ping(8) ends at the first ICMP error, and routers say "unreachable" while routes move.
    const count = Math.ceil((mostSeconds * 1_000) / intervalMs);
    const argv = ['ping', '-n', '-D', '-i', String(intervalMs / 1_000), '-c', String(count), '-W', '1', to];
    const output = await lab.exec(from, argv, { timeoutMs: (mostSeconds + 30) * 1_000, accept: [0, 1] });
    const [, sent = '0'] = /(\d+) packets transmitted/.exec(output.stdout) ?? [];
    history.probes.push({ direction, beganNs, intervalMs, sent: Number(sent), ...repliesIn(output.stdout, beganMs) });
  });
  return {
    async stop() {
      for (const { from } of ways) {
        const { stdout } = await lab.exec(from, ['ip', 'netns', 'pids', from]);
        for (const pid of stdout.split('\n').filter((line) => line !== '')) {
          const { stdout: name } = await lab.exec(from, ['cat', `/proc/${pid}/comm`], { accept: [0, 1] });
          if (name.trim() === 'ping') process.kill(Number(pid), 'SIGINT');
        }
      }
      await Promise.all(probes);
    },
  };
}
