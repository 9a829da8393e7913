// Tunnel firewall: what may come in to a tunnel, and what was refused.

import type { MessageInitShape } from '@bufbuild/protobuf';
import { type Command, InvalidArgumentError } from 'commander';
import type { Client } from '#internal/client/client.ts';
import { Fault } from '#internal/errors/errors.ts';
import { closed, presetNames, presets } from '#internal/firewall/firewall.ts';
import type { Denials, Firewall, FirewallRule, FirewallSchema, Tunnel } from '#internal/gen/pop44/v1/tunnels_pb.ts';
import { carryingNodes } from './carrying-nodes.ts';
import { type ChangeOptions, change, changeOf, withChangeOptions } from './change.ts';
import { UsageError } from './io.ts';
import { type Column, rowsText } from './layout.ts';
import type { Session } from './session.ts';

export type RuleInit = Pick<FirewallRule, 'protocol' | 'firstPort' | 'lastPort' | 'source'>;

export interface FirewallOptions {
  readonly firewall?: readonly string[];
  readonly allow?: readonly RuleInit[];
}

const ruleSyntax = /^([a-z0-9]+)(?:\/([0-9]{1,5})(?:-([0-9]{1,5}))?)?(?:@([0-9a-fA-F.:/]+))?$/;

/** `tcp/22`, `udp/5000-5100`, `tcp/443@203.0.113.0/24`, `icmp`, `47`. What it names is the daemon's to judge. */
function allowed(text: string, before: readonly RuleInit[] = []): readonly RuleInit[] {
  const found = ruleSyntax.exec(text);
  if (found === null) {
    throw new InvalidArgumentError('tcp/22, udp/5000-5100, tcp/443@203.0.113.0/24, icmp, or the number of a protocol.');
  }
  const [, protocol = '', first = '0', last = first, source = ''] = found;
  return [...before, { protocol, firstPort: Number(first), lastPort: Number(last), source: wholeSource(source) }];
}

/** An address alone is one source. */
function wholeSource(text: string): string {
  if (text === '' || text.includes('/')) return text;
  return `${text}/${text.includes(':') ? 128 : 32}`;
}

const presetList = (text: string): readonly string[] => text.split(',');

export function withFirewallOptions(command: Command): Command {
  return command
    .option('--firewall <presets>', 'presets that may come in, with commas between; default: ping', presetList)
    .option('--allow <rule>', 'tcp/22, udp/5000-5100, tcp/443@203.0.113.0/24, icmp, 47; may be repeated', allowed);
}

/** Undefined when nothing is said. Rules alone go with the default preset. */
export function firewallOf({ firewall, allow }: FirewallOptions): MessageInitShape<typeof FirewallSchema> | undefined {
  if (firewall === undefined && allow === undefined) return undefined;
  return { presets: [...(firewall ?? ['ping'])], rules: [...(allow ?? [])] };
}

function ruleText({ protocol, firstPort, lastPort, source }: RuleInit): string {
  const ports = firstPort === 0 ? '' : firstPort === lastPort ? `/${firstPort}` : `/${firstPort}-${lastPort}`;
  return `${protocol}${ports}${source === '' ? '' : `@${source}`}`;
}

export const firewallText = (firewall: Firewall | undefined): string =>
  [...(firewall?.presets ?? []), ...(firewall?.rules ?? []).map(ruleText)].join(' ');

const ref = ['<tunnel>', 'id, owner/name, or a name that is unique'] as const;

interface PresetRow {
  readonly name: string;
  readonly admits: string;
}
const presetColumns: readonly Column<PresetRow>[] = [
  ['preset', (row) => row.name],
  ['admits', (row) => row.admits],
];

const firewallColumns: readonly Column<Tunnel>[] = [
  ['tunnel', (tunnel) => tunnel.name],
  ['presets', (tunnel) => tunnel.firewall?.presets.join(' ') ?? ''],
  ['rules', (tunnel) => (tunnel.firewall?.rules ?? []).map(ruleText).join(' ')],
];

export interface NodeDenials {
  readonly nodeId: string;
  readonly denials?: Denials;
  readonly problem?: string;
}
export const denialColumns: readonly Column<NodeDenials>[] = [
  ['node', (row) => row.nodeId],
  ['prefix', (row) => row.denials?.prefix ?? ''],
  ['denied packets', (row) => row.problem ?? String(row.denials?.packets ?? 0n)],
  ['denied bytes', (row) => (row.problem === undefined ? String(row.denials?.bytes ?? 0n) : '')],
];

export function firewallVerbs(tunnel: Command, session: Session): void {
  const firewall = tunnel.command('firewall').description('what may come in to a tunnel: set, show, presets');
  withChangeOptions(firewall.command('set').argument(...ref), 'existing')
    .argument('[presets]', 'with commas between; default: ping')
    .description('replace the whole firewall of a tunnel; flows that are open go on')
    .option('--allow <rule>', 'tcp/22, udp/5000-5100, tcp/443@203.0.113.0/24, icmp, 47; may be repeated', allowed)
    .action((of: string, named: string | undefined, options: ChangeOptions & FirewallOptions) => {
      const wish = firewallOf({ ...options, ...(named !== undefined && { firewall: presetList(named) }) });
      if (wish === undefined) throw new UsageError('nothing is said: name presets, or rules with --allow');
      return set(session, of, wish, options);
    });
  firewall
    .command('show')
    .argument(...ref)
    .description('the firewall of a tunnel, and what each of its nodes has refused')
    .action((of: string) => show(session, of));
  firewall
    .command('presets')
    .description('what each preset admits, besides replies')
    .action(async () => {
      const rows = presetNames.map((name) => ({ name, admits: presets[name].admits }));
      session.print(await rowsText([...rows, { name: closed, admits: 'nothing' }], presetColumns, session.form()));
    });
}

async function set(
  session: Session,
  of: string,
  wish: MessageInitShape<typeof FirewallSchema>,
  options: ChangeOptions,
): Promise<void> {
  const { tunnels } = await session.client();
  await change(session, options, {
    send: () => tunnels.updateTunnel({ change: changeOf(options), tunnel: of, firewall: wish }),
    show: (answer) => session.record(answer, answer.tunnel, firewallColumns),
    awaited: (answer) => ({ tunnel: answer.tunnel?.id ?? of }),
  });
}

async function show(session: Session, of: string): Promise<void> {
  const client = await session.client();
  const answer = await client.tunnels.getTunnel({ tunnel: of });
  const { tunnel } = answer;
  await session.record(answer, tunnel, firewallColumns);
  session.aged(answer.freshness);
  if (tunnel === undefined) return;
  const told = await denialsAt(client, tunnel);
  if (session.wantsData()) for (const { message } of told) await (message && session.data(message));
  else
    await session.section(
      told.flatMap(({ rows }) => rows),
      denialColumns,
    );
}

async function denialsAt(client: Client, tunnel: Tunnel) {
  const carrying = await carryingNodes(client, tunnel);
  return Promise.all(carrying.map((node) => denialsOf(client, node, tunnel.id)));
}

/** What each of its nodes has refused. */
export async function denialRows(client: Client, tunnel: Tunnel): Promise<readonly NodeDenials[]> {
  return (await denialsAt(client, tunnel)).flatMap(({ rows }) => rows);
}

/** One that cannot be asked is told as such: what the others counted is worth showing all the same. */
async function denialsOf(client: Client, nodeId: string, tunnel: string) {
  try {
    const message = await client.at(nodeId).tunnels.getTunnelDenials({ tunnel });
    const rows: readonly NodeDenials[] = message.denials.map((denials) => ({ nodeId, denials }));
    return { message, rows: rows.length === 0 ? [{ nodeId }] : rows };
  } catch (thrown) {
    if (!(thrown instanceof Fault)) throw thrown;
    return { message: undefined, rows: [{ nodeId, problem: thrown.code }] as readonly NodeDenials[] };
  }
}
