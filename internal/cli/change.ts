// Change: the options of every verb that changes something, and what follows its answer.

import type { Message } from '@bufbuild/protobuf';
import type { Command } from 'commander';
import type { Changed } from '#internal/gen/pop44/v1/common_pb.ts';
import { dryRunText } from './dry-run.ts';
import { NotApplied } from './io.ts';
import { seconds } from './parse.ts';
import type { Session } from './session.ts';
import { type Awaited, waitUntilApplied } from './wait-applied.ts';

export interface ChangeOptions {
  readonly dryRun?: boolean;
  readonly requestId?: string;
  readonly etag?: string;
  /** Seconds. */
  readonly wait?: number;
}

/** Adds --dry-run, --request-id and --wait, and for what exists already --etag. */
export function withChangeOptions(command: Command, of: 'new' | 'existing'): Command {
  command
    .option('--wait <seconds>', 'wait until it is applied (bare: 30 s); exit 4 when it is not', seconds)
    .option('--dry-run', 'show the record changes and what nodes would do, change nothing')
    .option('--request-id <id>', 'a repeat with the same id within 24 h gives the first answer again');
  if (of === 'existing') command.option('--etag <etag>', 'refuse when it was changed since this etag');
  return command;
}

export function changeOf({ dryRun, requestId, etag }: ChangeOptions) {
  return {
    ...(dryRun === undefined ? {} : { dryRun }),
    ...(requestId === undefined ? {} : { requestId }),
    ...(etag === undefined ? {} : { etag }),
  };
}

interface Conversation<A> {
  readonly send: () => Promise<A>;
  readonly show: (answer: A) => Promise<void>;
  /** Whom --wait waits for; default: every node. */
  readonly awaited?: (answer: A) => Awaited;
}

/**
 * Sends the request and shows its answer; in a dry run the record changes instead. Then waits, if asked to, for the
 * nodes that `awaited` names.
 */
export async function change<A extends Message & { readonly changed?: Changed | undefined }>(
  session: Session,
  options: ChangeOptions,
  { send, show, awaited = () => ({}) }: Conversation<A>,
): Promise<void> {
  const { clock } = session.io;
  const sentMs = clock.monotonicMs();
  const answer = await send();
  const answeredMs = clock.monotonicMs();
  const { changed } = answer;
  if (options.dryRun === true) {
    if (session.wantsData()) await session.data(answer);
    else if (changed !== undefined) session.print(dryRunText(changed));
    return;
  }
  const { wait } = options;
  // Begun before anything is shown or written, which would count as time until it is applied.
  const applied =
    wait === undefined || changed === undefined
      ? undefined
      : waitUntilApplied(session, { revision: changed.revision, ...awaited(answer) }, wait).then(() =>
          clock.monotonicMs(),
        );
  applied?.catch(() => undefined);
  await show(answer);
  if (changed?.repeated === true)
    session.say(`request ${changed.requestId} was carried out before; this is its answer`);
  if (applied === undefined) return;
  const appliedMs = await applied.catch((thrown: unknown) => {
    if (!(thrown instanceof NotApplied)) throw thrown;
    throw new NotApplied(`accepted, but ${thrown.message} (pop44 wait ${changed?.revision})`);
  });
  const [inMs, answeredInMs] = [appliedMs - sentMs, answeredMs - sentMs].map(Math.round);
  session.say(`applied after ${inMs} ms (answered after ${answeredInMs} ms)`);
}
