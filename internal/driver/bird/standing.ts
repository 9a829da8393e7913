// Standing: the sessions of a BIRD that stand, by name: BGP's that are established, and OSPF's adjacencies that are full.

import type { Daemon } from './daemon.ts';
import { adjacenciesIn, establishedIn, type Protocol } from './parse.ts';
import { commands } from './render.ts';

/** Their state hangs on the far end too: a session that is down says nothing about the text. */
const farTypes = ['BGP', 'OSPF', 'RIP', 'Babel', 'RPKI'];
export const isLocal = ({ type }: Protocol): boolean => !farTypes.includes(type);

/** Asks BIRD once more for each OSPF among its protocols. @throws Fault `gone`, `silent` */
export async function standingAmong(daemon: Daemon, protocols: readonly Protocol[]): Promise<ReadonlySet<string>> {
  const adjacencies = await Promise.all(
    protocols
      .filter(({ type }) => type === 'OSPF')
      // One that has been taken out meanwhile is answered with a complaint: it has none.
      .map(async ({ name }) => adjacenciesIn(name, (await daemon.ask(commands.neighbors(name)))?.lines ?? [])),
  );
  return new Set([...establishedIn(protocols), ...adjacencies.flat()]);
}
