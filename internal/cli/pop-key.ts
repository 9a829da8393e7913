// PoP key: the WireGuard key that the nodes of a PoP share, made and sealed here; only what is sealed is sent.
//
// Sealing it again wants somebody who can open it: root on a node of the PoP, with the node's identity, or whoever
// keeps the identity of --recovery. The daemon that faces the network is not asked, and could not answer.

import { create as message } from '@bufbuild/protobuf';
import type { Command } from 'commander';
import { Fault } from '#internal/errors/errors.ts';
import { NextAccessKeySchema } from '#internal/gen/pop44/v1/fabric_pb.ts';
import { recoveryId } from '#internal/model/record.ts';
import { type ChangeOptions, change, changeOf, withChangeOptions } from './change.ts';
import { UsageError } from './io.ts';
import { popColumns } from './pop-columns.ts';
import { rotateVerb } from './pop-key-rotate.ts';
import { type KeyPair, keyPairOf, newKeyPair, readKeyPair } from './private-key.ts';
import { sealToNodes } from './seal-to-nodes.ts';
import type { Session } from './session.ts';

interface CreateOptions extends ChangeOptions {
  readonly keyFile?: string;
  readonly recovery?: string;
  readonly replace?: boolean;
}
interface ResealOptions extends ChangeOptions {
  readonly identity: string;
}

export function keyVerbs(key: Command, session: Session): void {
  rotateVerb(key, session);
  withChangeOptions(key.command('create').argument('<pop>'), 'existing')
    .description("make the key of a PoP, or take the one of --key-file, and seal it to the PoP's nodes")
    .option('--key-file <file>', 'private key that the PoP has already')
    .option('--recovery <recipient>', 'age1..., whose identity is kept elsewhere and can seal it again')
    .option('--replace', 'the PoP gets another key: every client needs a new file')
    .action((pop: string, options: CreateOptions) => create(session, pop, options));
  withChangeOptions(key.command('reseal').argument('<pop>'), 'existing')
    .description('seal the key of a PoP to the nodes that it has now')
    .requiredOption('--identity <file>', 'of a node of the PoP, or of --recovery')
    .action((pop: string, options: ResealOptions) => reseal(session, pop, options));
}

async function create(session: Session, popId: string, options: CreateOptions): Promise<void> {
  const { fabric } = await session.client();
  const pair = options.keyFile === undefined ? newKeyPair() : readKeyPair(options.keyFile);
  if (pair === undefined) throw new UsageError(`${options.keyFile} does not exist`);
  const { recipients } = await fabric.getPopAccessKey({ popId });
  const sealed = await sealToNodes(pair.privateKey, recipients, options.recovery);
  await send(session, options, { popId, publicKey: pair.publicKey, sealed });
}

async function reseal(session: Session, popId: string, options: ResealOptions): Promise<void> {
  const { fabric } = await session.client();
  const before = await fabric.getPopAccessKey({ popId });
  const again = async (key: SealedKey): Promise<SealedKey> => {
    const pair = await openedBy(options.identity, key, popId);
    const recovery = key.sealed[recoveryId];
    const toNodes = await sealToNodes(pair.privateKey, before.recipients, undefined);
    // It was sealed to somebody whose recipient nobody knows here, and the key is the same.
    return {
      publicKey: key.publicKey,
      sealed: recovery === undefined ? toNodes : { ...toNodes, [recoveryId]: recovery },
    };
  };
  await send(session, options, { popId, ...(await again(before)) });
  if (before.next === undefined) return;
  const next = await again(before.next);
  const value = message(NextAccessKeySchema, next);
  // A request of its own, with neither the id nor the etag of the first.
  const asked = options.dryRun === undefined ? {} : { dryRun: options.dryRun };
  await change(session, options, {
    send: () => fabric.rotatePopAccessKey({ change: asked, popId, step: { case: 'next', value } }),
    show: async () => session.say(`the next key of PoP ${popId} is sealed to ${Object.keys(next.sealed).join(', ')}`),
  });
}

interface SealedKey {
  readonly publicKey: string;
  readonly sealed: Record<string, Uint8Array>;
}

/** @throws Fault `sealed` */
export async function openedBy(file: string, { sealed, publicKey }: SealedKey, popId: string): Promise<KeyPair> {
  const { openerOf, readIdentityFile } = await import('#internal/sealing/sealing.ts');
  const openers = readIdentityFile(file).map(openerOf);
  for (const ciphertext of Object.values(sealed))
    for (const opener of openers) {
      const key = attempt(() => opener.open(ciphertext));
      const pair = key?.length === 32 ? keyPairOf(Buffer.from(key)) : undefined;
      // One that somebody else sealed, of another key, would cut off every client.
      if (pair?.publicKey === publicKey) return pair;
    }
  throw new Fault('sealed', `the identity in ${file} opens nothing that has the key of PoP ${popId}`);
}

function attempt<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch {
    return undefined;
  }
}

async function send(
  session: Session,
  options: ChangeOptions & { readonly replace?: boolean },
  key: { readonly popId: string; readonly publicKey: string; readonly sealed: Record<string, Uint8Array> },
): Promise<void> {
  const { fabric } = await session.client();
  const { replace = false } = options;
  await change(session, options, {
    send: () => fabric.setPopAccessKey({ change: changeOf(options), replace, ...key }),
    show: async (answer) => {
      await session.record(answer, answer.pop, popColumns);
      session.say(`the key of PoP ${key.popId} is sealed to ${Object.keys(key.sealed).join(', ')}`);
    },
  });
}
