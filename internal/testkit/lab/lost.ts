// Lost: how many pings to an address of a tunnel have no reply while something is done to the network.

import type { World } from './world.ts';

const lines = (text: string): readonly string[] => text.split('\n').filter((line) => line !== '');

/** Pings of 20 ms from the internet to the client while `work` goes on; gives how many were lost. */
export async function lostDuring(
  lab: Pick<World, 'exec'>,
  address: string,
  work: () => Promise<void>,
): Promise<number> {
  const probe = lab.exec('host', ['ping', '-n', '-q', '-w', '120', '-i', '0.02', address], {
    timeoutMs: 125_000,
    accept: [0, 1],
  });
  try {
    await work();
  } finally {
    const { stdout } = await lab.exec('host', ['ip', 'netns', 'pids', 'host']);
    for (const pid of lines(stdout)) {
      const { stdout: name } = await lab.exec('host', ['cat', `/proc/${pid}/comm`], { accept: [0, 1] });
      if (name.trim() === 'ping') process.kill(Number(pid), 'SIGINT');
    }
  }
  const { stdout } = await probe;
  const [, sent, received] = /(\d+) packets transmitted, (\d+) received/.exec(stdout) ?? [];
  if (!(Number(sent) > 10)) throw new Error(`the probe has sent nothing: ${stdout}`);
  // The last one may be on its way when the probe is told to stop.
  return Math.max(0, Number(sent) - Number(received) - 1);
}
