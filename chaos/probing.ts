// Probing: pings through a tunnel for as long as a run lasts, in both directions, and which of them came back.

import type { World } from '#internal/testkit/lab/lab.ts';
import type { HistoryRecorder, Probe } from './history.ts';

const intervalMs = 20;

export interface Probing {
  /** Ends them; what came back is in the history then. */
  stop(): Promise<void>;
}

/** `icmp_seq=7`, of replies alone. */
const answeredIn = (text: string): readonly number[] =>
  [...text.matchAll(/^\d+ bytes from .*icmp_seq=(\d+)/gm)].map(([, sequence]) => Number(sequence));

export function startProbes(
  lab: World,
  ways: readonly { readonly direction: Probe['direction']; readonly from: string; readonly to: string }[],
  history: HistoryRecorder,
  mostSeconds: number,
): Probing {
  const probes = ways.map(async ({ direction, from, to }) => {
    const beganNs = Math.round(lab.clock.monotonicMs() * 1e6);
    // Not by -w: with that, ping(8) ends at the first ICMP error, and routers say "unreachable" while routes move.
    const count = Math.ceil((mostSeconds * 1_000) / intervalMs);
    const argv = ['ping', '-n', '-i', String(intervalMs / 1_000), '-c', String(count), '-W', '1', to];
    const output = await lab.exec(from, argv, { timeoutMs: (mostSeconds + 30) * 1_000, accept: [0, 1] });
    const [, sent = '0'] = /(\d+) packets transmitted/.exec(output.stdout) ?? [];
    history.probes.push({ direction, beganNs, intervalMs, sent: Number(sent), answered: answeredIn(output.stdout) });
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
