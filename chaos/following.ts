// Following: how far daemons say that they are, again and again, so that it can be told how late each knew of a write.

import type { Clock } from '#internal/clock/clock.ts';
import type { HistoryRecorder } from './history.ts';
import type { Witnessed } from './looking.ts';

/** Milliseconds: what is told of a delay is too much by so many at most. */
const everyMs = 150;
const deadlineMs = 1_000;

/** An owner who has nothing: the answer is a revision and no more. */
const nobody = 'nobody';

/** All daemons, each by itself, until the signal. One that does not answer says nothing. */
export async function keepFollowing(
  daemons: ReadonlyMap<string, Witnessed>,
  {
    history,
    clock,
    signal,
  }: { readonly history: HistoryRecorder; readonly clock: Clock; readonly signal: AbortSignal },
): Promise<void> {
  async function follow(node: string, { client, pid }: Witnessed): Promise<void> {
    while (!signal.aborted) {
      const before = pid();
      const answer = await client.tunnels.listTunnels({ owner: nobody, pageSize: 1 }, { deadlineMs }).catch(() => {});
      const atNs = Math.round(clock.monotonicMs() * 1e6);
      if (answer?.freshness !== undefined && before !== undefined && pid() === before)
        history.folds.push({ node, pid: before, revision: answer.freshness.revision, atNs });
      await clock.sleep(everyMs, signal).catch(() => undefined);
    }
  }
  await Promise.all([...daemons].map(([node, daemon]) => follow(node, daemon)));
}
