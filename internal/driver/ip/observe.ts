// Observe: one process a namespace and family, plus one for the settings that were ever told.

import { emptyDataplane, type MutableDataplane, type Netns, put } from '#internal/dataplane/dataplane.ts';
import { linkPrefix, routeProtocol } from '#internal/dataplane/ownership.ts';
import { Fault } from '#internal/errors/errors.ts';
import { run } from '#internal/exec/exec.ts';
import type { KnownSysctls } from './ip.ts';
import { parseAddresses, parseBatch, parseRoutes, parseRules, parseSysctls, parseWires } from './parse.ts';
import { parseSpans } from './span.ts';

type Found = Pick<MutableDataplane, 'sysctl' | 'wire' | 'span' | 'address' | 'rule' | 'route'>;

const questions = ['address show', 'rule show', `route show table all protocol ${routeProtocol}`];
/** Of both families; asked with one of them. What a VXLAN is like takes a question more, where there is one. */
const links = ['link show type veth', 'link show type vxlan'];

async function observeSpans(into: MutableDataplane, path: string): Promise<void> {
  const { stdout } = await run({ file: 'ip', args: ['-d', '-j', 'link', 'show', 'type', 'vxlan'], netns: path });
  for (const span of parseSpans(stdout)) put(into, 'span', span);
}

async function observeFamily(into: MutableDataplane, netns: Netns, path: string, family: 4 | 6): Promise<void> {
  const args = [`-${family}`, '-N', '-j', '-batch', '-'];
  const asked = family === 4 ? [...questions, ...links] : questions;
  const { stdout } = await run({ file: 'ip', args, netns: path, input: `${asked.join('\n')}\n` });
  const answers = parseBatch(stdout);
  const [addresses = '', rules = '', routes = '', veths = '', vxlans = ''] = answers;
  if (answers.length < asked.length) throw new Fault('protocol', `ip -${family} gave fewer answers than questions`);
  for (const address of parseAddresses(netns, addresses)) put(into, 'address', address);
  for (const rule of parseRules(netns, family, rules)) put(into, 'rule', rule);
  for (const route of parseRoutes(netns, family, routes)) put(into, 'route', route);
  for (const wire of parseWires(netns, veths)) put(into, 'wire', wire);
  if (netns === 'pop' && vxlans.includes(linkPrefix)) await observeSpans(into, path);
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
      ...([4, 6] as const).map((family) => observeFamily(into, netns, paths[netns], family)),
      observeSysctls(into, netns, paths[netns], sysctls[netns]),
    ]);
  }
  const { sysctl, wire, span, address, rule, route } = into;
  return { sysctl, wire, span, address, rule, route };
}
