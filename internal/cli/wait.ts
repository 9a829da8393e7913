// Wait: until nodes have applied a revision.

import type { Command } from 'commander';
import { UsageError } from './io.ts';
import { revision, seconds, several } from './parse.ts';
import type { Session } from './session.ts';
import { waitUntilApplied } from './wait-applied.ts';

interface WaitOptions {
  readonly on?: readonly string[];
  readonly tunnel?: string;
  readonly timeout: number;
}

export function waitVerb(wait: Command, session: Session): void {
  wait
    .argument('<revision>', 'as the answer to a change tells it', revision)
    .option('--on <node>', 'wait for this node; may be repeated (default: all)', several)
    .option('--tunnel <tunnel>', "wait for the nodes of this tunnel's placement")
    .option('--timeout <seconds>', 'how long', seconds, 30)
    .action(async (wanted: bigint, { on, tunnel, timeout }: WaitOptions) => {
      if (on !== undefined && tunnel !== undefined) throw new UsageError('--on and --tunnel exclude each other');
      const awaited = {
        ...(on === undefined ? {} : { nodeIds: [...on] }),
        ...(tunnel === undefined ? {} : { tunnel }),
      };
      await waitUntilApplied(session, { revision: wanted, ...awaited }, timeout);
    });
}
