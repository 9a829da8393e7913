// Bare: the same node without what pop44 adds to WireGuard, for a comparison inside one run.
//
// The very same interface, process, veths and client; only our nftables tables and shapers are taken away, while the
// privileged half is stopped. When it goes on, its comparison puts them back.

import { eventually } from '#internal/testkit/eventually.ts';
import type { World } from '#internal/testkit/lab/lab.ts';

const table = ['inet', 'pop44'] as const;
const spaces = ['t', 'p'] as const;
/** All that any firewall which keeps states must ask of the kernel, and nothing else. */
const statesAlone = `table inet bench44 {
  chain forward { type filter hook forward priority filter; policy accept; ct state established,related accept; }
}`;
/** Milliseconds; the comparison comes with nft's own event, at the latest after 10 s. */
const backWithinMs = 60_000;

/** Does the work on the bare node; over when the node is whole again, as it was before or as `whole` says. */
export async function onBare<T>(
  lab: World,
  node: string,
  work: () => Promise<T>,
  whole?: () => Promise<boolean>,
): Promise<T> {
  const pid = lab.service(`${node}-dataplane`).pid();
  if (pid === undefined) throw new Error(`${node} has no privileged half`);
  const isWhole = whole ?? (await asNow(lab, node));
  process.kill(pid, 'SIGSTOP');
  try {
    for (const space of spaces) await lab.exec(`${node}${space}`, ['nft', 'delete', 'table', ...table]);
    const { stdout } = await lab.exec(`${node}p`, ['tc', 'qdisc', 'show', 'dev', 'p44w0', 'root']);
    if (stdout.startsWith('qdisc htb')) await lab.exec(`${node}p`, ['tc', 'qdisc', 'del', 'dev', 'p44w0', 'root']);
    return await work();
  } finally {
    process.kill(pid, 'SIGCONT');
    await eventually(isWhole, backWithinMs);
  }
}

/** The same with the kernel's connection tracking in the way, by one rule. */
export const onStatesAlone = <T>(lab: World, node: string, work: () => Promise<T>): Promise<T> =>
  onBare(lab, node, async () => {
    await lab.exec(`${node}p`, ['nft', '-f', '-'], { input: statesAlone });
    try {
      return await work();
    } finally {
      await lab.exec(`${node}p`, ['nft', 'delete', 'table', 'inet', 'bench44']);
    }
  });

/** Of the classes before. Those of tunnels that were quiet meanwhile are gone for good (adr/0011). */
const leastClasses = 0.5;

/** Whether the node has the rules that it has now, and classes. */
async function asNow(lab: World, node: string): Promise<() => Promise<boolean>> {
  const rules = () => Promise.all(spaces.map((space) => ruleset(lab, `${node}${space}`)));
  const [before, classes] = [await rules(), await classCount(lab, node)];
  return async () => {
    for (const [at, now] of (await rules()).entries()) {
      const missing = before[at]?.filter((rule) => !now.includes(rule)) ?? [];
      if (missing.length > 0) throw new Error(`${node}${spaces[at]} has not got again: ${missing.join('; ')}`);
    }
    const count = await classCount(lab, node);
    if (count < leastClasses * classes) throw new Error(`${node} has ${count} classes, and had ${classes}`);
    return true;
  };
}

/** Classes on the access interface. */
export async function classCount(lab: World, node: string): Promise<number> {
  const { stdout } = await lab.exec(`${node}p`, ['tc', 'class', 'show', 'dev', 'p44w0']);
  return stdout.split('\n').length - 1;
}

/** Chains and rules, without elements and counters, in any order: a table that is made anew has them in another. */
async function ruleset(lab: World, netns: string): Promise<readonly string[]> {
  const argv = ['nft', '-s', '-t', 'list', 'table', ...table];
  return (await lab.exec(netns, argv, { accept: [0, 1] })).stdout.split('\n').map((line) => line.trim());
}
