// Looking: what daemons say that owners hold, to be compared with what etcd held.

import type { Client } from '#internal/client/client.ts';
import type { Clock } from '#internal/clock/clock.ts';
import { messageOf } from '#internal/errors/errors.ts';
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

/** Keys and etags come again with every look: one of each is kept. */
const texts = new Map<string, string>();
const kept = (text: string): string => {
  const known = texts.get(text);
  if (known === undefined) texts.set(text, text);
  return known ?? text;
};

interface Page {
  readonly etags: readonly (readonly [key: string, etag: string])[];
  readonly nextPageToken: string;
  readonly freshness?: Freshness | undefined;
}

async function pageOf(client: Client, kind: Look['kind'], owner: string, pageToken: string): Promise<Page> {
  const request = { owner, pageSize, pageToken };
  if (kind === 'tunnel') {
    const { tunnels, ...rest } = await client.tunnels.listTunnels(request, { deadlineMs });
    return { ...rest, etags: tunnels.map(({ id, etag }) => [`tunnel/${id}`, etag]) };
  }
  const asked = { ...request, withQuarantined: true };
  const { allocations, ...rest } = await client.allocations.listAllocations(asked, { deadlineMs });
  return { ...rest, etags: allocations.map((allocation) => [allocationKey(allocation), allocation.etag]) };
}

/** All pages, of one revision; undefined where it moved on between two of them, or the process is another. @throws Fault */
async function lookAt(
  { daemons, clock }: LookingOptions,
  node: string,
  { kind, owner }: Pick<Look, 'kind' | 'owner'>,
): Promise<Look | undefined> {
  const daemon = daemons.get(node);
  const pid = daemon?.pid();
  if (daemon === undefined || pid === undefined) return undefined;
  const etags = new Map<string, string>();
  let seen: Freshness | undefined;
  for (let pageToken: string | undefined = ''; pageToken !== undefined; ) {
    const page: Page = await pageOf(daemon.client, kind, owner, pageToken);
    if (page.freshness === undefined || (seen !== undefined && seen.revision !== page.freshness.revision))
      return undefined;
    seen = page.freshness;
    for (const [key, etag] of page.etags) etags.set(kept(key), kept(etag));
    pageToken = page.nextPageToken === '' ? undefined : page.nextPageToken;
  }
  if (seen === undefined || daemon.pid() !== pid) return undefined;
  const { revision, stale } = seen;
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

/** Every subject at every daemon, each once it has come to the revision; one that does not show it in time is recorded as such. */
export async function lookEverywhere(
  options: LookingOptions,
  { revision, withinMs }: { readonly revision: bigint; readonly withinMs: number },
): Promise<void> {
  const { daemons, subjects, history, clock } = options;
  const deadline = clock.monotonicMs() + withinMs;
  for (const node of daemons.keys())
    for (const subject of subjects)
      for (;;) {
        const late = clock.monotonicMs() > deadline;
        let problem = 'it moves on from page to page';
        const look = await lookAt(options, node, subject).catch((thrown: unknown) => {
          problem = messageOf(thrown);
          return undefined;
        });
        if (look !== undefined && look.revision >= revision) {
          history.looks.push(look);
          break;
        }
        if (late) {
          if (look !== undefined) problem = `it has come to revision ${look.revision} alone`;
          const atNs = Math.round(clock.monotonicMs() * 1e6);
          history.looks.push({ node, pid: 0, ...subject, revision, stale: true, atNs, etags: new Map(), problem });
          break;
        }
        await clock.sleep(50);
      }
}
