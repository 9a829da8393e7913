// Observe: two processes a namespace and family, plus one for the settings that were ever told.

import { emptyDataplane, type MutableDataplane, type Netns, put } from '#internal/dataplane/dataplane.ts';
import { routeProtocol } from '#internal/dataplane/ownership.ts';
import { Fault } from '#internal/errors/errors.ts';
import { run } from '#internal/exec/exec.ts';
import type { KnownSysctls } from './ip.ts';
import { parseAddresses, parseBatch, parseRoutes, parseRules, parseSysctls, parseWires } from './parse.ts';
import { parseSpans } from './span.ts';

type Found = Pick<MutableDataplane, 'sysctl' | 'wire' | 'span' | 'address' | 'rule' | 'route'>;

const families = [4, 6] as const;
const questions = ['address show', 'rule show', `route show table all protocol ${routeProtocol}`];

async function observeFamily(into: MutableDataplane, netns: Netns, path: string, family: 4 | 6): Promise<void> {
  const args = [`-${family}`, '-N', '-j', '-batch', '-'];
  const { stdout } = await run({ file: 'ip', args, netns: path, input: `${questions.join('\n')}\n` });
  const [addresses, rules, routes] = parseBatch(stdout);
  if (addresses === undefined || rules === undefined || routes === undefined) {
    throw new Fault('protocol', `ip -${family} gave fewer answers than questions`);
  }
  for (const address of parseAddresses(netns, addresses)) put(into, 'address', address);
  for (const rule of parseRules(netns, family, rules)) put(into, 'rule', rule);
  for (const route of parseRoutes(netns, family, routes)) put(into, 'route', route);
}

async function observeWires(into: MutableDataplane, netns: Netns, path: string): Promise<void> {
  const { stdout } = await run({ file: 'ip', args: ['-j', 'link', 'show', 'type', 'veth'], netns: path });
  for (const wire of parseWires(netns, stdout)) put(into, 'wire', wire);
}

async function observeSpans(into: MutableDataplane, path: string): Promise<void> {
  const { stdout } = await run({ file: 'ip', args: ['-d', '-j', 'link', 'show', 'type', 'vxlan'], netns: path });
  for (const span of parseSpans(stdout)) put(into, 'span', span);
}

/** Settings of an interface that is not there are not found either (-e). */
async function observeSysctls(into: MutableDataplane, netns: Netns, path: string, names: Set<string>): Promise<void> {
  if (names.size === 0) return;
  const { stdout } = await run({ file: 'sysctl', args: ['-e', ...names], netns: path, accept: [0, 255] });
  for (const sysctl of parseSysctls(netns, stdout)) put(into, 'sysctl', sysctl);
}

export async function observeAll(paths: Readonly<Record<Netns, string>>, sysctls: KnownSysctls): Promise<Found> {
  const into = emptyDataplane();
  for (const netns of ['transport', 'pop'] as const) {
    await Promise.all([
      ...(netns === 'pop' ? [observeSpans(into, paths.pop)] : []),
      ...families.map((family) => observeFamily(into, netns, paths[netns], family)),
      observeWires(into, netns, paths[netns]),
      observeSysctls(into, netns, paths[netns], sysctls[netns]),
    ]);
  }
  const { sysctl, wire, span, address, rule, route } = into;
  return { sysctl, wire, span, address, rule, route };
}
