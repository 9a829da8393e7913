// Takeover: from the end of the daemon that leads a pool until another one does, as etcd sees it.

import { realClock } from '#internal/clock/clock.ts';
import { openEtcd } from '#internal/etcd/etcd.ts';
import type { Cluster } from '#internal/testkit/cluster.ts';
import { eventually } from '#internal/testkit/eventually.ts';

const leaders = '/pop44/election/v1/leader/';
/** The lease of a daemon that was killed has 10 s to end. */
const longestMs = 30_000;

/** Milliseconds. @param end SIGTERM and SIGKILL */
export async function takeover(cluster: Cluster, poolId: string, end: 'stop' | 'kill'): Promise<number> {
  const client = cluster.client();
  const leader = async (): Promise<string> => (await client.pools.getPool({ pool: poolId })).pool?.leaderNodeId ?? '';
  await eventually(async () => (await leader()) !== '', longestMs);
  const { daemon } = cluster.node(await leader());
  const etcd = openEtcd({ ...cluster.etcd, clock: realClock });
  const over = new AbortController();
  const watching = Promise.withResolvers<void>();
  const elected = (async () => {
    for await (const { relisted, events } of etcd.listThenWatch(leaders, over.signal)) {
      if (relisted) watching.resolve();
      else if (events.some(({ key, value }) => key === `${leaders}${poolId}` && value !== undefined))
        return performance.now();
    }
    throw new Error('nobody took over');
  })();
  await watching.promise;
  const began = performance.now();
  const ended = daemon[end]();
  const tookMs = (await elected) - began;
  over.abort(new Error('seen'));
  etcd.close();
  client.close();
  await ended;
  await daemon.start();
  await cluster.answering(longestMs);
  return tookMs;
}
