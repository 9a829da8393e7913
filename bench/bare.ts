// Bare: the same node without what pop44 adds to WireGuard, for a comparison inside one run.
//
// The very same interface, process, veths and client; only our nftables tables, qdiscs and the choke's policy rule are
// taken away while the privileged half is stopped. When it goes on, its comparison puts them back.

import { realClock } from '#internal/clock/clock.ts';
import type { World } from '#internal/testkit/lab/lab.ts';
import { eventually } from '#internal/testkit/eventually.ts';

const table = ['inet', 'pop44'] as const;
const spaces = ['t', 'p'] as const;
/** Milliseconds; the comparison comes with nft's own event, at the latest after 10 s. */
const backWithinMs = 20_000;

/** Does the work on the bare node. */
export async function onBare<T>(lab: World, node: string, work: () => Promise<T>): Promise<T> {
  const pid = lab.service(`${node}-dataplane`).pid();
  if (pid === undefined) throw new Error(`${node} has no privileged half`);
  const listings = await Promise.all(spaces.map((space) => ruleset(lab, `${node}${space}`)));
  process.kill(pid, 'SIGSTOP');
  try {
    for (const space of spaces) await lab.exec(`${node}${space}`, ['nft', 'delete', 'table', ...table]);
    const { stdout } = await lab.exec(`${node}p`, ['tc', 'qdisc', 'show', 'dev', 'p44w0', 'root']);
    if (stdout.startsWith('qdisc htb')) await lab.exec(`${node}p`, ['tc', 'qdisc', 'del', 'dev', 'p44w0', 'root']);
    return await work();
  } finally {
    process.kill(pid, 'SIGCONT');
    for (const [at, space] of spaces.entries())
      await eventually(async () => (await ruleset(lab, `${node}${space}`)) === listings[at], backWithinMs);
    await realClock.sleep(200);
  }
}

/** Without counters, elements of dynamic sets and the like: chains and rules. */
async function ruleset(lab: World, netns: string): Promise<string> {
  const { stdout } = await lab.exec(netns, ['nft', '-s', '-t', 'list', 'table', ...table]);
  return stdout;
}
