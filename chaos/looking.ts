// Looking: what daemons say that owners hold, to be compared with what etcd held.

import type { Client } from '#internal/client/client.ts';
import type { Clock } from '#internal/clock/clock.ts';
import { allocationKey } from './ask.ts';
import type { HistoryRecorder, Look } from './history.ts';

const pageSize = 1_000;
const deadlineMs = 3_000;

/** One page, which is of one revision; undefined where the owner holds more than fit on it. @throws Fault */
async function lookAt(client: Client, node: string, owner: string): Promise<Look | undefined> {
  const request = { owner, withQuarantined: true, pageSize };
  const { allocations, nextPageToken, freshness } = await client.allocations.listAllocations(request, { deadlineMs });
  if (nextPageToken !== '' || freshness === undefined) return undefined;
  const etags = new Map(allocations.map((allocation) => [allocationKey(allocation), allocation.etag]));
  return { node, owner, revision: freshness.revision, allocations: etags };
}

/** Every `everyMs` one owner at one daemon, until the signal. A daemon that does not answer is passed over. */
export async function keepLooking(
  daemons: ReadonlyMap<string, Client>,
  owners: readonly string[],
  {
    history,
    clock,
    random,
    signal,
    everyMs,
  }: {
    readonly history: HistoryRecorder;
    readonly clock: Clock;
    readonly random: () => number;
    readonly signal: AbortSignal;
    readonly everyMs: number;
  },
): Promise<void> {
  const all = [...daemons];
  while (!signal.aborted) {
    await clock.sleep(everyMs, signal).catch(() => undefined);
    const [node, client] = all[Math.floor(random() * all.length)] ?? [];
    const owner = owners[Math.floor(random() * owners.length)];
    if (node === undefined || client === undefined || owner === undefined || signal.aborted) continue;
    const look = await lookAt(client, node, owner).catch(() => undefined);
    if (look !== undefined) history.look(look);
  }
}

/** Every owner at every daemon, each daemon once it has come to the revision. @throws what the daemon answered last */
export async function lookEverywhere(
  daemons: ReadonlyMap<string, Client>,
  owners: readonly string[],
  {
    history,
    clock,
    revision,
    withinMs,
  }: { history: HistoryRecorder; clock: Clock; revision: bigint; withinMs: number },
): Promise<void> {
  const deadline = clock.monotonicMs() + withinMs;
  for (const [node, client] of daemons)
    for (const owner of owners) {
      for (;;) {
        const look = await lookAt(client, node, owner).catch((thrown: unknown) => {
          if (clock.monotonicMs() > deadline) throw thrown;
          return 'again' as const;
        });
        if (look === undefined) break;
        if (look !== 'again' && (look.revision >= revision || clock.monotonicMs() > deadline)) {
          history.look(look);
          break;
        }
        await clock.sleep(50);
      }
    }
}
