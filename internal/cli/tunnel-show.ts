// Tunnel show: one tunnel, or all of them.

import type { Command } from 'commander';
import type { Tunnel } from '#internal/gen/pop44/v1/tunnels_pb.ts';
import type { Kind } from './kind.ts';
import { type Column, timeText, yesNo } from './layout.ts';
import { allPages } from './pages.ts';
import { rateText } from './rate.ts';
import type { Session } from './session.ts';
import { denialColumns, denialRows, firewallText } from './tunnel-firewall.ts';
import { usageColumns } from './tunnel-usage.ts';
import { watchVerb } from './watch.ts';

const stateOf = ({ enabled, suspension }: Tunnel): string => (suspension ? 'suspended' : yesNo(enabled));

const columns: readonly Column<Tunnel>[] = [
  ['name', (tunnel) => tunnel.name],
  ['id', (tunnel) => tunnel.id],
  ['owner', (tunnel) => tunnel.owner],
  ['enabled', stateOf],
  ['home', (tunnel) => tunnel.popIds[0] ?? ''],
  ['prefixes', (tunnel) => tunnel.prefixes.join(' ')],
];
function suspensionText({ suspension }: Tunnel): string {
  if (suspension === undefined) return 'no';
  const since = suspension.at === undefined ? '' : ` since ${timeText(suspension.at)}`;
  return `${suspension.reason} (by ${suspension.by}${since})`;
}

export const allTunnelColumns: readonly Column<Tunnel>[] = [
  ...columns,
  ['pops', (tunnel) => tunnel.popIds.join(' ')],
  ['realms', (tunnel) => tunnel.realmIds.join(' ')],
  ['public key', (tunnel) => tunnel.publicKey],
  ['mtu', (tunnel) => String(tunnel.mtu)],
  ['keepalive', (tunnel) => (tunnel.keepaliveSeconds === 0 ? 'off' : `${tunnel.keepaliveSeconds} s`)],
  ['up', (tunnel) => rateText(tunnel.rateUpBitPerSecond)],
  ['down', (tunnel) => rateText(tunnel.rateDownBitPerSecond)],
  ['pre-shared key', presharedKey],
  ['firewall', (tunnel) => firewallText(tunnel.firewall)],
  ['next key', (tunnel) => tunnel.nextPublicKey || 'none'],
  ['suspended', suspensionText],
  ['etag', (tunnel) => tunnel.etag],
];

/** A node that came later cannot carry the tunnel until it has a new key. */
function presharedKey({ hasPresharedKey, nodesWithoutPresharedKey: without }: Tunnel): string {
  if (!hasPresharedKey || without.length === 0) return yesNo(hasPresharedKey);
  return `not sealed to ${without.join(' ')}, which do not carry it (tunnel rotate-psk)`;
}

/** Where it is now; what else is said concerns its user. */
function heldText({ heldByNodeId, moves, frozenUntil, alsoAtNodeIds }: Tunnel): string {
  if (heldByNodeId === '') return 'nobody';
  const passed = moves === 0 ? '' : `, moved ${moves === 1 ? 'once' : `${moves} times`}`;
  const also = alsoAtNodeIds.length === 0 ? '' : `, up at ${alsoAtNodeIds.join(' ')} too`;
  const frozen =
    frozenUntil === undefined ? '' : `, and stays there until ${timeText(frozenUntil)}: two devices have its key`;
  return `${heldByNodeId}${passed}${also}${frozen}`;
}

const heldColumn: Column<Tunnel> = ['held by', heldText];
const wideColumns = [...allTunnelColumns.slice(columns.length), heldColumn];

export function listVerb(tunnel: Command, session: Session): void {
  tunnel
    .command('list')
    .alias('ls')
    .description('show all tunnels')
    .option('--owner <owner>', 'of this owner alone', '')
    .option('--deleted', 'those that tunnel restore can bring back')
    .action(async ({ owner, deleted }: { readonly owner: string; readonly deleted?: boolean }) => {
      if (deleted !== true) return session.list(await allTunnels(session, owner), columns, wideColumns);
      return session.list(await deletedTunnels(session, owner), columns);
    });
}

function allTunnels(session: Session, owner: string): Promise<readonly Tunnel[]> {
  return allPages(session, async (page) => {
    const answer = await (await session.client()).tunnels.listTunnels({ owner, ...page });
    return { ...answer, items: answer.tunnels };
  });
}

function deletedTunnels(session: Session, owner: string): Promise<readonly Tunnel[]> {
  return allPages(session, async (page) => {
    const answer = await (await session.client()).tunnels.listDeletedTunnels({ owner, ...page });
    return { ...answer, items: answer.tunnels };
  });
}

const kind: Kind<Tunnel> = {
  noun: 'tunnel',
  many: 'tunnels',
  named: 'id, owner/name, or a name that is unique',
  ask: async (session) => ({ items: await allTunnels(session, '') }),
  names: ({ id, owner, name }) => [id, `${owner}/${name}`, name],
  columns: [...columns, heldColumn],
};

export function getVerb(tunnel: Command, session: Session): void {
  tunnel
    .command('get')
    .argument('<tunnel>', 'id, owner/name, or a name that is unique')
    .description('show one tunnel')
    .action(async (ref: string) => {
      const answer = await (await session.client()).tunnels.getTunnel({ tunnel: ref });
      await session.record(answer, answer.tunnel, [...allTunnelColumns, heldColumn]);
      session.aged(answer.freshness);
    });
}

/** All that is known of one: the record, where it is, its bytes by node and what its firewall has refused. */
export function describeVerb(tunnel: Command, session: Session): void {
  tunnel
    .command('describe')
    .argument('<tunnel>', kind.named)
    .description('show one and what hangs on it: bytes by node, what was refused to it')
    .action(async (ref: string) => {
      const client = await session.client();
      const answer = await client.tunnels.getTunnel({ tunnel: ref });
      await session.record(answer, answer.tunnel, [...allTunnelColumns, heldColumn]);
      if (answer.tunnel !== undefined && !session.wantsData()) {
        const { nodes } = await client.tunnels.getTunnelUsage({ tunnel: answer.tunnel.id });
        await session.section(nodes, usageColumns);
        await session.section(await denialRows(client, answer.tunnel), denialColumns);
      }
      session.aged(answer.freshness);
    });
  watchVerb(tunnel, session, kind);
}
