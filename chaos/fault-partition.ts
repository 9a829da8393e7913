// Fault partition: which packets of a node are lost, all or some of them, as a table of nftables for its namespace. Pure.

import { etcdPeerPort } from '#internal/testkit/lab/etcd-member.ts';
import type { FaultKind } from './fault.ts';

export type Cut = Extract<FaultKind, `cut-${string}` | 'packet-loss'>;

export interface Surroundings {
  /** Addresses of the other nodes. The admin's is not among them: who asks a cut-off daemon still gets an answer. */
  readonly others: readonly string[];
  /** Where daemons speak to etcd, on the other nodes and on their own. */
  readonly daemonsEtcdPort: number;
  /** Where daemons speak to each other. */
  readonly daemonsApiPort: number;
}

export const tableOf = (cut: Cut): string => cut.replace('-', '_');

/** Beginning with the removal of an older one. Lost, not refused: a broken network does not say so. */
export function cutRules(cut: Cut, { others, daemonsEtcdPort, daemonsApiPort }: Surroundings): string {
  const from = `ip6 saddr { ${others.join(', ')} }`;
  const to = `ip6 daddr { ${others.join(', ')} }`;
  const [incoming, outgoing] = ((): readonly [readonly string[], readonly string[]] => {
    switch (cut) {
      case 'cut-all':
      // From one of the two that lose sight of each other.
      case 'cut-bridge':
        return [[from], [to]];
      case 'cut-in':
        return [[from], []];
      case 'cut-out':
        return [[], [to]];
      case 'cut-client':
        // A proxy on this node speaks to its etcd by another port, and goes on serving the others.
        return [[], [`tcp dport ${daemonsEtcdPort}`]];
      case 'cut-peer':
        return [bothEnds(from, etcdPeerPort), bothEnds(to, etcdPeerPort)];
      case 'cut-mesh':
        return [bothEnds(from, daemonsApiPort), bothEnds(to, daemonsApiPort)];
      case 'packet-loss': {
        const ports = [daemonsEtcdPort, daemonsApiPort];
        const some = (match: string): readonly string[] =>
          ports.flatMap((port) => bothEnds(match, port)).map((each) => `${each} ${oneInFive}`);
        return [some(from), some(to)];
      }
    }
  })();
  const chain = (hook: string, lost: readonly string[]): string =>
    `  chain ${hook} {\n    type filter hook ${hook} priority raw; policy accept;\n${lost
      .map((match) => `    ${match} counter drop\n`)
      .join('')}  }\n`;
  const table = `table inet ${tableOf(cut)}`;
  return `${table}\ndelete ${table}\n${table} {\n${chain('input', incoming)}${chain('output', outgoing)}}\n`;
}

/** nft(8), numgen. Many a path over radio loses as much; TCP gets through, late. */
const oneInFive = 'numgen random mod 5 == 0';

/** The side that dialled has another port. */
const bothEnds = (match: string, port: number): readonly string[] =>
  ['sport', 'dport'].map((end) => `${match} tcp ${end} ${port}`);
