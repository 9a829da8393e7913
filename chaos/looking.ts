// Looking: what daemons say that owners hold, to be compared with what etcd held.

import type { Client } from '#internal/client/client.ts';
import type { Clock } from '#internal/clock/clock.ts';
import type { Freshness } from '#internal/gen/pop44/v1/common_pb.ts';
import { allocationKey } from './ask.ts';
import type { HistoryRecorder, Look } from './history.ts';

/** A daemon to ask, and its process as it is now. */
export interface Witnessed {
  readonly client: Client;
  readonly pid: () => number | undefined;
}

export interface LookingOptions {
  readonly daemons: ReadonlyMap<string, Witnessed>;
  /** Whose records of which kind. */
  readonly subjects: readonly Pick<Look, 'kind' | 'owner'>[];
  readonly history: HistoryRecorder;
  readonly clock: Clock;
}

const pageSize = 1_000;
const deadlineMs = 3_000;

interface Page {
  readonly etags: ReadonlyMap<string, string>;
  readonly nextPageToken: string;
  readonly freshness?: Freshness | undefined;
}

async function pageOf(client: Client, kind: Look['kind'], owner: string): Promise<Page> {
  if (kind === 'tunnel') {
    const { tunnels, ...rest } = await client.tunnels.listTunnels({ owner, pageSize }, { deadlineMs });
    return { ...rest, etags: new Map(tunnels.map(({ id, etag }) => [`tunnel/${id}`, etag])) };
  }
  const request = { owner, withQuarantined: true, pageSize };
  const { allocations, ...rest } = await client.allocations.listAllocations(request, { deadlineMs });
  return { ...rest, etags: new Map(allocations.map((allocation) => [allocationKey(allocation), allocation.etag])) };
}

/** One page, which is of one revision; undefined where the owner holds more than fit on it. @throws Fault */
async function lookAt(
  { daemons, clock }: LookingOptions,
  node: string,
  { kind, owner }: Pick<Look, 'kind' | 'owner'>,
): Promise<Look | undefined> {
  const daemon = daemons.get(node);
  const pid = daemon?.pid();
  if (daemon === undefined || pid === undefined) return undefined;
  const { etags, nextPageToken, freshness } = await pageOf(daemon.client, kind, owner);
  if (nextPageToken !== '' || freshness === undefined || daemon.pid() !== pid) return undefined;
  const { revision, stale } = freshness;
  return { node, pid, kind, owner, revision, stale, atNs: Math.round(clock.monotonicMs() * 1e6), etags };
}

/** Every `everyMs` one subject at one daemon, until the signal. A daemon that does not answer is passed over. */
export async function keepLooking(
  options: LookingOptions,
  parts: { readonly random: () => number; readonly signal: AbortSignal; readonly everyMs: number },
): Promise<void> {
  const { daemons, subjects, history, clock } = options;
  const { random, signal, everyMs } = parts;
  const nodes = [...daemons.keys()];
  while (!signal.aborted) {
    await clock.sleep(everyMs, signal).catch(() => undefined);
    const node = nodes[Math.floor(random() * nodes.length)];
    const subject = subjects[Math.floor(random() * subjects.length)];
    if (node === undefined || subject === undefined || signal.aborted) continue;
    const look = await lookAt(options, node, subject).catch(() => undefined);
    if (look !== undefined) history.looks.push(look);
  }
}

/** Every subject at every daemon, each daemon once it has come to the revision. @throws what the daemon answered last */
export async function lookEverywhere(
  options: LookingOptions,
  { revision, withinMs }: { readonly revision: bigint; readonly withinMs: number },
): Promise<void> {
  const { daemons, subjects, history, clock } = options;
  const deadline = clock.monotonicMs() + withinMs;
  const late = (): boolean => clock.monotonicMs() > deadline;
  for (const node of daemons.keys())
    for (const subject of subjects) {
      for (;;) {
        const look = await lookAt(options, node, subject).catch((thrown: unknown) => {
          if (late()) throw thrown;
          return 'again' as const;
        });
        if (look === undefined) break;
        if (look !== 'again' && (look.revision >= revision || late())) {
          history.looks.push(look);
          break;
        }
        await clock.sleep(50);
      }
    }
}
