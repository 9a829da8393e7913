// Tunnel rotate-key: a new key pair and file beside the old one; whichever the client uses last is the tunnel's.

import type { Command } from 'commander';
import { Fault } from '#internal/errors/errors.ts';
import { type ChangeOptions, change, changeOf, withChangeOptions } from './change.ts';
import { checkFileName, clientFileText, type FileWish } from './client-file.ts';
import { UsageError } from './io.ts';
import {
  newKeyPair,
  readPresharedKey,
  removeSecret,
  replaceSecret,
  unfinishedFile,
  writeNewSecret,
} from './private-key.ts';
import type { Session } from './session.ts';
import { allTunnelColumns } from './tunnel-show.ts';

interface RotateOptions extends ChangeOptions {
  readonly file?: string;
  readonly oldFile?: string;
  readonly publicKey?: string;
  readonly cancel?: boolean;
}

export function rotateVerb(tunnel: Command, session: Session): void {
  withChangeOptions(
    tunnel.command('rotate-key').argument('<tunnel>', 'id, owner/name, or a name that is unique'),
    'existing',
  )
    .description('register a next key; it takes over when the client first uses it, and the old file works until then')
    .option('--file <new.conf>', "make a key pair and write the client's new file")
    .option('--old-file <old.conf>', 'file of before, whose pre-shared key the new one takes over')
    .option('--public-key <key>', 'the next key; its private half is elsewhere')
    .option('--cancel', 'end the open rotation; the old file stays')
    .action((of: string, options: RotateOptions) => rotate(session, of, options));
}

async function rotate(session: Session, of: string, options: RotateOptions): Promise<void> {
  const { file, publicKey, cancel = false } = options;
  if ([file !== undefined, publicKey !== undefined, cancel].filter(Boolean).length !== 1) {
    throw new UsageError('one of --file NEW.conf, --public-key KEY and --cancel is wanted');
  }
  if (file !== undefined) checkFileName(file);
  const { tunnels } = await session.client();
  const presharedKey = file === undefined ? undefined : await sharedKey(session, of, options.oldFile);
  const pair = file === undefined ? undefined : newKeyPair();
  const keeps = file !== undefined && pair !== undefined && options.dryRun !== true;
  // On the disk before anybody knows its public half: whatever happens from here, it is not lost.
  if (keeps) writeNewSecret(file, unfinishedFile({ privateKey: pair.privateKey, ...presharedKey }));
  const request = { change: changeOf(options), tunnel: of, cancel, nextPublicKey: pair?.publicKey ?? publicKey ?? '' };
  await change(session, options, {
    send: () =>
      tunnels
        .rotateTunnelKey(request)
        .catch((thrown: unknown) => notRotated(session, thrown, keeps ? file : undefined)),
    show: async (answer) => {
      await session.record(answer, answer.tunnel, allTunnelColumns);
      if (keeps)
        await finish(session, file, { tunnel: answer.tunnel?.id ?? of, privateKey: pair.privateKey, ...presharedKey });
    },
    awaited: (answer) => ({ tunnel: answer.tunnel?.id ?? of }),
  });
}

/** The pre-shared key that the new file wants too. Told before anything is made. */
async function sharedKey(
  session: Session,
  of: string,
  oldFile: string | undefined,
): Promise<{ readonly presharedKey?: string }> {
  const { tunnel } = await (await session.client()).tunnels.getTunnel({ tunnel: of });
  if (tunnel?.hasPresharedKey !== true) return {};
  const presharedKey = oldFile === undefined ? undefined : readPresharedKey(oldFile);
  if (presharedKey !== undefined) return { presharedKey };
  throw new UsageError('the tunnel has a pre-shared key: name the file that has it by --old-file OLD.conf');
}

/** Refused or unavailable: nobody knows the key. Otherwise somebody might. */
function notRotated(session: Session, thrown: unknown, file: string | undefined): never {
  if (file !== undefined) {
    if (!(thrown instanceof Fault) || thrown.code === 'unavailable') removeSecret(file);
    else session.say(`the new private key stays in ${file}`);
  }
  throw thrown;
}

async function finish(session: Session, file: string, key: Omit<FileWish, 'popId' | 'endpointIpv6'>) {
  try {
    replaceSecret(file, await clientFileText(session, { ...key, popId: '', endpointIpv6: false }));
  } catch (thrown) {
    session.say(`the next key is registered and its private half is in ${file}; finish it by`);
    session.say(`  pop44 tunnel file ${key.tunnel} --key-file ${file} --out OTHER.conf`);
    throw thrown;
  }
  session.say(`wrote ${file}; the old file works until this one is used`);
}
