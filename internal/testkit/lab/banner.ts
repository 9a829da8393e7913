// Banner: what stands where in a running lab, and what to try, as text.

import Table from 'cli-table3';
import type { LabContext } from './context.ts';
import { host4, host6, labNode } from './topology.ts';

const width = 2;

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const none = {
    ...{ top: '', 'top-mid': '', 'top-left': '', 'top-right': '', bottom: '', 'bottom-mid': '', 'bottom-left': '' },
    ...{ 'bottom-right': '', left: '', 'left-mid': '', mid: '', 'mid-mid': '', right: '', 'right-mid': '' },
    middle: ' '.repeat(width),
  };
  const drawn = new Table({
    head: [...head],
    chars: none,
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0 },
  });
  drawn.push(...rows.map((row) => [...row]));
  return drawn
    .toString()
    .split('\n')
    .map((line) => `  ${line.trimEnd()}`)
    .join('\n');
}

interface BannerOptions {
  /** No other lab runs, so that pop44 finds this one by itself. */
  readonly onlyOne: boolean;
  /** Which etcd and wireguard-go the nodes run. */
  readonly programs: string;
}

export function banner(context: LabContext, { onlyOne, programs }: BannerOptions): string {
  const nodes = context.daemons.map(({ node, address }) => ({ address, ...labNode(Number(node.slice(1))) }));
  const prefix = onlyOne ? '' : `POP44_LAB=${context.lab} `;
  const try_ = (...lines: readonly string[]): string =>
    `  ${lines.map((line) => `${prefix}npx pop44 ${line}`).join(' && ')}`;
  const web =
    context.web === undefined
      ? ''
      : `Pages (the lab's own CA signs them: your browser will ask):
  sign up, tunnels   ${context.web.public}
  console            ${context.web.console}   (first: ${prefix}npx pop44 admin bootstrap CALLSIGN ADDRESS)
  mails              ${prefix}npx pop44 lab exec p1t -- sh -c 'cat /run/node/p*/state/mail/new/*'

`;
  return `
${table(
  ['node', 'PoP', 'API', 'endpoint', 'namespaces'],
  nodes.map((node) => [
    node.id,
    node.popId,
    node.address,
    `${node.endpoint4}, ${node.endpoint6}`,
    `${node.transport}, ${node.pop}`,
  ]),
)}

${table(
  ['machine', 'what', 'addresses'],
  [
    ['inet', 'the internet: transit of every node (AS 64500)', '198.18.0.0/15, 2001:db8:1::/48'],
    ['host', 'a server on it', `${host4}, ${host6}`],
    ['client', 'behind home and cgnat, two NATs; or behind cafe', '192.168.44.10 or 192.168.88.10'],
  ],
)}

${web}${programs}

Try, in another terminal:
${try_('pool create 44.31.0.0/22', 'pool create 2001:db8:44::/48')}
${try_('tunnel create station --file $PWD/station.conf --wait', 'lab exec client -- wg-quick up $PWD/station.conf')}
${try_('lab exec host -- ping -c 3 44.31.0.1')}

Ctrl-C removes ${context.lab} and everything in it.
`;
}
