// Tunnel update: change, enable, disable and delete.

import type { Command } from 'commander';
import { carryingNodes } from './carrying-nodes.ts';
import { type ChangeOptions, change, changeOf, withChangeOptions } from './change.ts';
import { UsageError } from './io.ts';
import { uint } from './parse.ts';
import { rate } from './rate.ts';
import type { Session } from './session.ts';
import { allTunnelColumns } from './tunnel-show.ts';

interface Changes {
  readonly enabled?: boolean;
  readonly name?: string;
  readonly mtu?: number;
  readonly keepaliveSeconds?: number;
  readonly publicKey?: string;
  readonly rateUpBitPerSecond?: bigint;
  readonly rateDownBitPerSecond?: bigint;
}
interface UpdateOptions extends ChangeOptions {
  readonly name?: string;
  readonly mtu?: number;
  readonly keepalive?: number;
  readonly publicKey?: string;
  readonly up?: bigint;
  readonly down?: bigint;
}

const ref = ['<tunnel>', 'id, owner/name, or a name that is unique'] as const;

async function update(session: Session, tunnel: string, changes: Changes, options: ChangeOptions): Promise<void> {
  const { tunnels } = await session.client();
  await change(session, options, {
    send: () => tunnels.updateTunnel({ change: changeOf(options), tunnel, ...changes }),
    show: (answer) => session.record(answer, answer.tunnel, allTunnelColumns),
    awaited: (answer) => ({ tunnel: answer.tunnel?.id ?? tunnel }),
  });
}

export function updateVerbs(tunnel: Command, session: Session): void {
  withChangeOptions(tunnel.command('update').argument(...ref), 'existing')
    .description('change a tunnel; its addresses stay')
    .option('--name <name>', 'a new name')
    .option('--mtu <bytes>', "MTU of the client's interface, 1280 to 1420", uint)
    .option('--keepalive <seconds>', '0 (off) to 120', uint)
    .option('--public-key <key>', 'a new WireGuard public key')
    .option('--up <rate>', 'what it may send, like 10M; or unlimited', rate)
    .option('--down <rate>', 'what it may receive', rate)
    .action(async (of: string, options: UpdateOptions) => {
      const { name, mtu, keepalive, publicKey, up, down } = options;
      const changes: Changes = {
        ...(name === undefined ? {} : { name }),
        ...(mtu === undefined ? {} : { mtu }),
        ...(keepalive === undefined ? {} : { keepaliveSeconds: keepalive }),
        ...(publicKey === undefined ? {} : { publicKey }),
        ...(up === undefined ? {} : { rateUpBitPerSecond: up }),
        ...(down === undefined ? {} : { rateDownBitPerSecond: down }),
      };
      if (Object.keys(changes).length === 0) {
        throw new UsageError('nothing to change: give --name, --mtu, --keepalive, --public-key, --up or --down');
      }
      await update(session, of, changes, options);
    });
  for (const [verb, enabled] of [
    ['enable', true],
    ['disable', false],
  ] as const) {
    withChangeOptions(tunnel.command(verb).argument(...ref), 'existing')
      .description(enabled ? 'let a tunnel carry traffic again' : 'stop a tunnel; it keeps its addresses')
      .action((of: string, options: ChangeOptions) => update(session, of, { enabled }, options));
  }
}

export function deleteVerb(tunnel: Command, session: Session): void {
  withChangeOptions(tunnel.command('delete').argument(...ref), 'existing')
    .description("delete a tunnel; its addresses stay its owner's until the pool's quarantine ends")
    .action(async (of: string, options: ChangeOptions) => {
      const { tunnels } = await session.client();
      const nodeIds = options.wait === undefined ? [] : await nodesThatCarry(session, of);
      await change(session, options, {
        send: () => tunnels.deleteTunnel({ change: changeOf(options), tunnel: of }),
        show: (answer) => session.done(answer, `tunnel ${of} deleted`),
        awaited: () => ({ nodeIds }),
      });
    });
}

/** Asked before the deletion: afterwards there is no placement to ask for. None known: all nodes are waited for. */
async function nodesThatCarry(session: Session, of: string): Promise<string[]> {
  const client = await session.client();
  const { tunnel } = await client.tunnels.getTunnel({ tunnel: of });
  return tunnel === undefined ? [] : carryingNodes(client, tunnel);
}
