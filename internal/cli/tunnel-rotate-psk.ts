// Tunnel rotate-psk: another pre-shared key, in a new file beside the old one.

import type { Command } from 'commander';
import { Fault } from '#internal/errors/errors.ts';
import { type ChangeOptions, change, changeOf, withChangeOptions } from './change.ts';
import { checkFileName, clientFileText } from './client-file.ts';
import { UsageError } from './io.ts';
import {
  newPresharedKey,
  readKeyPair,
  removeSecret,
  replaceSecret,
  unfinishedFile,
  writeNewSecret,
} from './private-key.ts';
import { sealKey } from './seal-key.ts';
import type { Session } from './session.ts';
import { allTunnelColumns } from './tunnel-show.ts';

interface RotateOptions extends ChangeOptions {
  readonly keyFile: string;
  readonly file: string;
}

// WireGuard 6.1: REKEY_AFTER_TIME and REJECT_AFTER_TIME; a pre-shared key counts from the next handshake on.
const rekeySeconds = 120;
const rejectSeconds = 180;

export function rotatePskVerb(tunnel: Command, session: Session): void {
  withChangeOptions(tunnel.command('rotate-psk').argument('<tunnel>', 'id, owner/name, or a unique name'), 'existing')
    .description('give a tunnel another pre-shared key, or its first, in a new file')
    .requiredOption('--key-file <file>', 'private key, alone or in the file of before')
    .requiredOption('--file <new.conf>', "where the client's new file goes; nothing is overwritten")
    .action((ref: string, options: RotateOptions) => rotate(session, ref, options));
}

async function rotate(session: Session, ref: string, options: RotateOptions): Promise<void> {
  const { keyFile, file } = options;
  checkFileName(file);
  const { tunnels } = await session.client();
  const key = readKeyPair(keyFile);
  if (key === undefined) throw new UsageError(`${keyFile} does not exist`);
  const { tunnel: found } = await tunnels.getTunnel({ tunnel: ref });
  if (found?.publicKey !== key.publicKey) {
    throw new UsageError(`the key in ${keyFile} is not this tunnel's: a file with it would never connect`);
  }
  const { privateKey } = key;
  const presharedKey = newPresharedKey();
  const { recipients } = await tunnels.getSealingRecipients({ tunnel: found.id });
  const byNode = await sealKey(presharedKey, recipients);
  const isDry = options.dryRun === true;
  // On the disk before any node has it: whatever happens from here, the key that counts is not lost.
  if (!isDry) writeNewSecret(file, unfinishedFile({ privateKey, presharedKey }));
  await change(session, options, {
    send: () =>
      tunnels
        .updateTunnel({ change: changeOf(options), tunnel: found.id, sealedPresharedKey: { byNode } })
        .catch((thrown: unknown) => notChanged(session, thrown, isDry ? undefined : file)),
    show: async (answer) => {
      await session.record(answer, answer.tunnel, allTunnelColumns);
      const wish = { tunnel: found.id, popId: '', endpointIpv6: false, privateKey, presharedKey };
      replaceSecret(file, await clientFileText(session, wish));
      session.say(`wrote ${file}; have the client use it within ${rekeySeconds} s:`);
      session.say(
        `  a session that lives goes on, and ends ${rekeySeconds} to ${rejectSeconds} s after its last handshake`,
      );
    },
    awaited: (answer) => ({ tunnel: answer.tunnel?.id ?? found.id }),
  });
}

/** Refused or unavailable: the old key counts. Otherwise the new one might. */
function notChanged(session: Session, thrown: unknown, written: string | undefined): never {
  if (written !== undefined) {
    const nothing = !(thrown instanceof Fault) || thrown.code === 'unavailable';
    if (nothing) removeSecret(written);
    else session.say(`the new pre-shared key stays in ${written}`);
  }
  throw thrown;
}
