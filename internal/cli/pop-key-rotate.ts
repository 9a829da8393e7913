// PoP key rotate: a second access key beside the current one, made and sealed here; the end of the window is an order of
// its own, or comes by itself.

import { create } from '@bufbuild/protobuf';
import type { Command } from 'commander';
import { NextAccessKeySchema, type RotatePopAccessKeyRequest } from '#internal/gen/pop44/v1/fabric_pb.ts';
import { type ChangeOptions, change, changeOf, withChangeOptions } from './change.ts';
import { duration } from './duration.ts';
import { UsageError } from './io.ts';
import { timeText } from './layout.ts';
import { uint } from './parse.ts';
import { popColumns } from './pop-columns.ts';
import { newKeyPair, readKeyPair } from './private-key.ts';
import { sealToNodes } from './seal-to-nodes.ts';
import type { Session } from './session.ts';

interface RotateOptions extends ChangeOptions {
  readonly keyFile?: string;
  readonly recovery?: string;
  readonly port: number;
  readonly window: number;
  readonly finish?: boolean;
  readonly cancel?: boolean;
}

export function rotateVerb(key: Command, session: Session): void {
  withChangeOptions(key.command('rotate').argument('<pop>'), 'existing')
    .description('a next key, on a port of its own: new client files have it, and old ones work until the window ends')
    .option('--window <time>', '1h to 365d; the default is 30d', duration, 0)
    .option('--port <port>', 'UDP port of the next key; the default is the next one that is free', uint, 0)
    .option('--key-file <file>', 'private key that was made elsewhere')
    .option('--recovery <recipient>', 'age1..., whose identity is kept elsewhere and can seal it again')
    .option('--finish', 'end the window now: clients with an old file are cut off')
    .option('--cancel', 'give the next key up: clients with a new file are cut off')
    .action((pop: string, options: RotateOptions) => rotate(session, pop, options));
}

type Step = Pick<RotatePopAccessKeyRequest, 'step'>['step'];

async function rotate(session: Session, popId: string, options: RotateOptions): Promise<void> {
  const { finish = false, cancel = false } = options;
  if (finish && cancel) throw new UsageError('one of --finish and --cancel');
  const ends = finish || cancel;
  if (ends && (options.window || options.port || options.keyFile !== undefined || options.recovery !== undefined))
    throw new UsageError(`${finish ? '--finish' : '--cancel'} stands alone: the next key is there already`);
  const { fabric } = await session.client();
  const step: Step = ends
    ? { case: finish ? 'finish' : 'cancel', value: true }
    : { case: 'next', value: await nextKey(session, popId, options) };
  await change(session, options, {
    send: () => fabric.rotatePopAccessKey({ change: changeOf(options), popId, step }),
    show: async (answer) => {
      await session.record(answer, answer.pop, popColumns);
      const next = answer.pop?.nextAccessKey;
      if (next?.takesOverAt !== undefined)
        session.say(
          `clients with files from now on use port ${next.port}; older files work until ${timeText(next.takesOverAt)}`,
        );
    },
  });
}

async function nextKey(session: Session, popId: string, options: RotateOptions) {
  const { fabric } = await session.client();
  const pair = options.keyFile === undefined ? newKeyPair() : readKeyPair(options.keyFile);
  if (pair === undefined) throw new UsageError(`${options.keyFile} does not exist`);
  const { recipients } = await fabric.getPopAccessKey({ popId });
  const sealed = await sealToNodes(pair.privateKey, recipients, options.recovery);
  const { port, window: windowSeconds } = options;
  return create(NextAccessKeySchema, { publicKey: pair.publicKey, sealed, port, windowSeconds });
}
