// Tunnel create: a tunnel and, unless its public key is given, its key pair and file.

import type { Command } from 'commander';
import { Fault } from '#internal/errors/errors.ts';
import { type ChangeOptions, change, changeOf, withChangeOptions } from './change.ts';
import { checkFileName, clientFileText } from './client-file.ts';
import { UsageError } from './io.ts';
import { several, uint } from './parse.ts';
import {
  newKeyPair,
  newPresharedKey,
  readKeyPair,
  removeSecret,
  replaceSecret,
  unfinishedFile,
  writeNewSecret,
} from './private-key.ts';
import { proposedPlace } from './pop-near.ts';
import { rate } from './rate.ts';
import { sealKey } from './seal-key.ts';
import type { Session } from './session.ts';
import { type FirewallOptions, firewallOf, withFirewallOptions } from './tunnel-firewall.ts';
import { allTunnelColumns } from './tunnel-show.ts';
import { type WishInit, type WishOptions, wishesOf, withWishOptions } from './wish.ts';

interface CreateOptions extends ChangeOptions, WishOptions, FirewallOptions {
  readonly publicKey?: string;
  readonly keyFile?: string;
  readonly file?: string;
  readonly presharedKey?: boolean;
  readonly owner: string;
  readonly home: string;
  readonly pop?: readonly string[];
  readonly mtu: number;
  readonly keepalive?: number;
  readonly up?: bigint;
  readonly down?: bigint;
}

export function createVerb(tunnel: Command, session: Session): void {
  const command = withChangeOptions(tunnel.command('create').argument('[name]', 'default: made from the id'), 'new')
    .description('create a tunnel')
    .option('--file <out.conf>', "write the client's file; without --key-file a key pair is made for it")
    .option('--key-file <file>', 'private key; made and written when the file does not exist')
    .option('--public-key <key>', 'the private half is elsewhere')
    .option('--preshared-key', 'make a pre-shared key too, into the file of --file')
    .option('--owner <owner>', 'default: you', '')
    .option('--home <pop>', 'PoP that announces its addresses; default: the first --pop, or the nearest to you', '')
    .option('--pop <pop>', 'PoP that carries it; may be repeated (default: all that carry tunnels)', several)
    .option('--mtu <bytes>', '1280 to 1420; default: 1420', uint, 0)
    .option('--keepalive <seconds>', '0 (off) to 120; default: 25', uint)
    .option('--up <rate>', 'what it may send, like 10M; default: unlimited', rate)
    .option('--down <rate>', 'what it may receive', rate);
  withFirewallOptions(command);
  withWishOptions(command, 'default: one address, one /64').action((name: string | undefined, options: CreateOptions) =>
    create(session, name ?? '', options),
  );
}

async function create(session: Session, name: string, options: CreateOptions): Promise<void> {
  const addresses = addressesOf(options);
  const firewall = firewallOf(options);
  const { tunnels } = await session.client();
  const key = keyOf(options);
  const { owner, pop, mtu, keepalive, up = 0n, down = 0n } = options;
  const placed = { homePopId: await homeOf(session, options), popIds: [...(pop ?? [])] };
  const { presharedKey } = key;
  // Before anything is made: a node that nothing can be sealed to ends it.
  const sealed =
    presharedKey === undefined
      ? {}
      : await sealKey(presharedKey, (await tunnels.getSealingRecipients(placed)).recipients);
  const written = options.dryRun === true ? [] : keep(options, key);
  const request = {
    change: changeOf(options),
    ...{
      name,
      owner,
      mtu,
      publicKey: key.publicKey,
      rateUpBitPerSecond: up,
      rateDownBitPerSecond: down,
      ...placed,
      sealedPresharedKey: sealed,
    },
    ...addresses,
    ...(firewall === undefined ? {} : { firewall }),
    ...(keepalive === undefined ? {} : { keepaliveSeconds: keepalive }),
  };
  await change(session, options, {
    send: () => tunnels.createTunnel(request).catch((thrown: unknown) => notCreated(session, thrown, written)),
    show: async (answer) => {
      await session.record(answer, answer.tunnel, allTunnelColumns);
      if (options.file !== undefined) await writeFile(session, options.file, answer.tunnel?.id ?? name, key);
    },
    awaited: (answer) => ({ tunnel: answer.tunnel?.id ?? name }),
  });
}

/** How far it is from here says nothing of where somebody else is. */
async function homeOf(session: Session, { home, pop = [], owner }: CreateOptions): Promise<string> {
  return home === '' && pop.length === 0 && owner === '' ? proposedPlace(session) : home;
}

/** One of each named pool, unless more is said. */
function addressesOf(options: CreateOptions): { readonly pools: string[] } | { readonly wishes: WishInit[] } {
  const { ipv4, ipv6, count, pool = [] } = options;
  if (ipv4 === undefined && ipv6 === undefined && count === undefined) return { pools: [...pool] };
  return { wishes: wishesOf(options, 'usual') };
}

interface KeyHere {
  readonly publicKey: string;
  readonly privateKey?: string;
  readonly presharedKey?: string;
  readonly isNew: boolean;
}

function keyOf({ publicKey, keyFile, file, presharedKey }: CreateOptions): KeyHere {
  if (file !== undefined) checkFileName(file);
  if (presharedKey === true && file === undefined) {
    throw new UsageError('--preshared-key goes with --file OUT.conf, where the key is written');
  }
  const shared = presharedKey === true ? { presharedKey: newPresharedKey() } : {};
  if (publicKey !== undefined) {
    if (keyFile === undefined && file === undefined) return { publicKey, isNew: false };
    throw new UsageError('--public-key goes without --file and --key-file: the private half is elsewhere');
  }
  if (keyFile === undefined && file === undefined) {
    throw new UsageError('a key is wanted: --file OUT.conf or --key-file FILE makes one here, --public-key names one');
  }
  const before = keyFile === undefined ? undefined : readKeyPair(keyFile);
  return before === undefined ? { ...newKeyPair(), ...shared, isNew: true } : { ...before, ...shared, isNew: false };
}

/**
 * Puts a private key onto the disk before anybody knows its public half, and takes the name of the file: whatever
 * happens from here, the key of a tunnel that was created is not lost. Gives the files that were made.
 */
function keep({ keyFile, file }: CreateOptions, key: KeyHere): readonly string[] {
  const made: string[] = [];
  try {
    if (keyFile !== undefined && key.isNew) {
      writeNewSecret(keyFile, `${key.privateKey}\n`);
      made.push(keyFile);
    }
    if (file !== undefined) {
      writeNewSecret(file, unfinishedFile(key));
      made.push(file);
    }
  } catch (thrown) {
    made.forEach(removeSecret);
    throw thrown;
  }
  return made;
}

/** Refused or unavailable: nothing was created, and nobody needs the key. Otherwise somebody might. */
function notCreated(session: Session, thrown: unknown, written: readonly string[]): never {
  const nothing = !(thrown instanceof Fault) || thrown.code === 'unavailable';
  if (nothing) written.forEach(removeSecret);
  else if (written.length > 0) session.say(`the private key stays in ${written.join(' and ')}`);
  throw thrown;
}

async function writeFile(session: Session, file: string, tunnel: string, key: KeyHere): Promise<void> {
  const { privateKey = '', presharedKey } = key;
  const shared = presharedKey === undefined ? {} : { presharedKey };
  try {
    const text = await clientFileText(session, { tunnel, popId: '', endpointIpv6: false, privateKey, ...shared });
    replaceSecret(file, text);
  } catch (thrown) {
    session.say(`the tunnel is created and its private key is in ${file}; finish it by`);
    session.say(`  pop44 tunnel file ${tunnel} --key-file ${file} --out OTHER.conf`);
    throw thrown;
  }
  session.say(`wrote ${file}`);
}
