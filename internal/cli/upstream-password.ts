// Upstream password: read from a file or made here, and sealed to the node before anything is sent. It stands in no
// argument, no answer and no log.

import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { paddedPassword, passwordFault } from '#internal/dataplane/dataplane.ts';
import { Fault } from '#internal/errors/errors.ts';
import { type ChangeOptions, change, changeOf, withChangeOptions } from './change.ts';
import { UsageError } from './io.ts';
import { writeNewSecret } from './private-key.ts';
import { sealSecret } from './seal-key.ts';
import type { Session } from './session.ts';
import { upstreamColumns } from './upstream-columns.ts';

interface PasswordOptions extends ChangeOptions {
  readonly file?: string;
  readonly make?: string;
  readonly none?: boolean;
}

/** 144 bits, in 24 characters that every router takes: some hold 25 at most. */
const madeBytes = 18;

/** What is in a file or standard input, without the end of its line. @throws UsageError that repeats nothing of it */
export function readPassword(file: string): string {
  let text: string;
  try {
    text = readFileSync(file === '-' ? 0 : file, 'utf8').replace(/\r?\n$/, '');
  } catch {
    throw new UsageError(`${file} cannot be read`);
  }
  const fault = passwordFault(text);
  if (fault !== undefined) throw new UsageError(`the password in ${file === '-' ? 'standard input' : file} ${fault}`);
  return text;
}

/** @throws UsageError, Fault: the node is not there, or nothing can be sealed to it */
export async function sealPassword(
  session: Session,
  nodeId: string,
  password: string,
): Promise<Record<string, Uint8Array>> {
  const { nodes } = await (await session.client()).fabric.listNodes({});
  const found = nodes.find(({ node }) => node?.id === nodeId)?.node;
  if (found === undefined) throw new Fault('not-found', `${nodeId} is no node of this network`);
  if (found.sealingPublicKey === '') {
    throw new UsageError(`node ${nodeId} has no sealing key: pop44 node sealing-key ${nodeId} age1...`);
  }
  return sealSecret(paddedPassword(password), { [nodeId]: found.sealingPublicKey });
}

export function passwordVerb(upstream: Command, session: Session): void {
  withChangeOptions(upstream.command('password').argument('<id>'), 'existing')
    .description(
      'what both ends of a session sign with (RFC 2385): the session begins anew, as soon as the neighbour has it too',
    )
    .option('--file <file>', 'has the password alone; - reads standard input')
    .option('--make <file>', 'make one and write it there; nothing is overwritten')
    .option('--none', 'no password any more')
    .action((id: string, options: PasswordOptions) => setPassword(session, id, options));
}

function wanted({ file, make, none = false }: PasswordOptions): string | undefined {
  if ([file !== undefined, make !== undefined, none].filter(Boolean).length !== 1)
    throw new UsageError('one of --file, --make and --none');
  if (file !== undefined) return readPassword(file);
  return make === undefined ? undefined : randomBytes(madeBytes).toString('base64url');
}

async function setPassword(session: Session, id: string, options: PasswordOptions): Promise<void> {
  const password = wanted(options);
  const { fabric } = await session.client();
  const { upstreams } = await fabric.listUpstreams({});
  const nodeId = upstreams.find((each) => each.id === id)?.nodeId;
  if (nodeId === undefined) throw new Fault('not-found', `${id} is no upstream of this network`);
  const sealed = password === undefined ? {} : await sealPassword(session, nodeId, password);
  // On the disk before any node has it.
  if (options.make !== undefined && password !== undefined && options.dryRun !== true)
    writeNewSecret(options.make, `${password}\n`);
  await change(session, options, {
    send: () => fabric.setUpstreamPassword({ change: changeOf(options), upstream: id, sealed }),
    show: (answer) => session.record(answer, answer.upstream, upstreamColumns),
  });
}
