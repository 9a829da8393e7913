// PoP key window: ends the windows of PoPs' access keys when their time has come. Any daemon does, of any PoP: a transaction
// that compares the PoP's record is committed once, whoever is first.

import { endPopKeyWindow } from '#internal/command/command.ts';
import { isRefusal, messageOf } from '#internal/errors/errors.ts';
import { type CommitParts, commit } from './commit.ts';

/** Milliseconds between looks: a window is days. */
const lookMs = 10_000;

export interface WindowParts extends CommitParts {
  /** Hears of what went wrong with a PoP, once; it is tried again. */
  readonly failed: (thrown: unknown) => void;
}

/** Ends by its signal. */
export async function endWindowsAgainAndAgain(parts: WindowParts, signal: AbortSignal): Promise<void> {
  const { clock, head } = parts;
  // By PoP: two that fail for different reasons would otherwise be told of in turn, at every look.
  let failedBefore: ReadonlyMap<string, string> = new Map();
  while (!signal.aborted) {
    const failures = new Map<string, string>();
    for (const popId of head.snapshot().pops.keys()) {
      try {
        const decision = endPopKeyWindow(head.snapshot(), popId, clock.wall());
        if (isRefusal(decision)) throw new Error(decision.message);
        // Of a daemon that may not write it (roles of etcd) the COREs' are there.
        if (decision !== undefined)
          await commit(parts, { decision, method: 'end-pop-key-window' }, signal, async () => head.snapshot().revision);
      } catch (thrown) {
        if (signal.aborted) return;
        if (messageOf(thrown) !== failedBefore.get(popId)) parts.failed(thrown);
        failures.set(popId, messageOf(thrown));
      }
    }
    failedBefore = failures;
    await clock.sleep(lookMs, signal).catch(() => undefined);
  }
}
