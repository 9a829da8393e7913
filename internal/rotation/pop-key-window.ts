// PoP key window: ends the windows of PoPs' access keys when their time has come. Any daemon does, of any PoP: a transaction
// that compares the PoP's record is committed once, whoever is first.

import { endPopKeyWindow } from '#internal/command/command.ts';
import { isRefusal, messageOf } from '#internal/errors/errors.ts';
import { type CommitParts, commit } from './commit.ts';

/** Milliseconds between looks: a window is days. */
const lookMs = 10_000;

export interface WindowParts extends CommitParts {
  /** Hears of what went wrong, once; it is tried again. */
  readonly failed: (thrown: unknown) => void;
}

/** Ends by its signal. */
export async function endWindowsAgainAndAgain(parts: WindowParts, signal: AbortSignal): Promise<void> {
  const { clock, head } = parts;
  let failure = '';
  while (!signal.aborted) {
    for (const popId of head.snapshot().pops.keys()) {
      try {
        const decision = endPopKeyWindow(head.snapshot(), popId, clock.wall());
        if (decision === undefined) continue;
        if (isRefusal(decision)) throw new Error(decision.message);
        // Of a daemon that may not write it (roles of etcd) the COREs' are there.
        await commit(parts, { decision, method: 'end-pop-key-window' }, signal, async () => head.snapshot().revision);
        failure = '';
      } catch (thrown) {
        if (signal.aborted) return;
        if (messageOf(thrown) !== failure) parts.failed(thrown);
        failure = messageOf(thrown);
      }
    }
    await clock.sleep(lookMs, signal).catch(() => undefined);
  }
}
