// Standing: the sessions of a BIRD that stand, by name: BGP's that are established, and OSPF's adjacencies that are full;
// and what OSPF leads to.

import type { Daemon } from './daemon.ts';
import { adjacenciesIn, establishedIn, type Protocol, reachedIn } from './parse.ts';
import { commands } from './render.ts';

/** Their state hangs on the far end too: a session that is down says nothing about the text. */
const farTypes = ['BGP', 'OSPF', 'RIP', 'Babel', 'RPKI'];
export const isLocal = ({ type }: Protocol): boolean => !farTypes.includes(type);

const ospfOf = (protocols: readonly Protocol[]): readonly Protocol[] => protocols.filter(({ type }) => type === 'OSPF');

/** Asks BIRD once more for each OSPF among its protocols. @throws Fault `gone`, `silent` */
export async function standingAmong(daemon: Daemon, protocols: readonly Protocol[]): Promise<ReadonlySet<string>> {
  const adjacencies = await Promise.all(
    ospfOf(protocols)
      // One that has been taken out meanwhile is answered with a complaint: it has none.
      .map(async ({ name }) => adjacenciesIn(name, (await daemon.ask(commands.neighbors(name)))?.lines ?? [])),
  );
  return new Set([...establishedIn(protocols), ...adjacencies.flat()]);
}

/**
 * What each OSPF leads to: an adjacency is full before its ends have told the others of it, which takes OSPF 5 s at times
 * (MinLSInterval, RFC 2328 B). @throws Fault `gone`, `silent`
 */
export async function reachedBy(daemon: Daemon, protocols: readonly Protocol[]): Promise<readonly string[]> {
  const reached = await Promise.all(
    ospfOf(protocols).map(async (of) => reachedIn(of.name, (await daemon.ask(commands.routes(of)))?.lines ?? [])),
  );
  return reached.flat();
}
