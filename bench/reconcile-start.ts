// Reconcile start: how long a node takes from the death of its daemon, of both halves, or of everything that it has, until
// it has heard the store and applied all of it.

import { openClient } from '#internal/client/client.ts';
import { eventually } from '#internal/testkit/eventually.ts';
import { adminContext, type World } from '#internal/testkit/lab/lab.ts';
import { coldStart } from './cold-start.ts';
import { halves } from './process.ts';
import { node, type ReconcileScene } from './reconcile-scene.ts';
import { type Figures, figure } from './report.ts';

const withinMs = 120_000;

/** A client of its own, since one that was refused waits before it dials again. */
async function standsAt(lab: World, revision: bigint): Promise<boolean> {
  const client = openClient(adminContext(lab), { deadlineMs: 2_000 });
  try {
    const { freshness, nodes } = await client.status.getStatus({});
    const own = nodes.find((state) => state.node?.id === node);
    const hears = freshness?.stale === false && freshness.revision >= revision;
    return hears && own !== undefined && own.appliedRevision >= revision && own.failingSteps === 0;
  } finally {
    client.close();
  }
}

/** Seconds from SIGKILL, which the lab's service answers by a start after 0.1 s. */
export async function afterDeathOf(
  lab: World,
  which: readonly ('daemon' | 'dataplane')[],
  revision: bigint,
): Promise<number> {
  const pids = halves(lab, node);
  const began = performance.now();
  for (const half of which) process.kill(pids[half], 'SIGKILL');
  await eventually(
    () => which.every((half) => (lab.service(`${node}-${half}`).pid() ?? pids[half]) !== pids[half]),
    withinMs,
  );
  await eventually(() => standsAt(lab, revision), withinMs);
  return (performance.now() - began) / 1_000;
}

export async function starts({ lab, client, standing }: ReconcileScene, say: (line: string) => void): Promise<Figures> {
  const revision = (await client.status.getStatus({})).freshness?.revision ?? 0n;
  const told = `${standing.here + standing.elsewhere} registered, ${standing.here} placed here`;
  const daemon = await afterDeathOf(lab, ['daemon'], revision);
  say(`  start of pop44d alone with ${told}: ${daemon.toFixed(1)} s`);
  const both = await afterDeathOf(lab, ['daemon', 'dataplane'], revision);
  say(`  start of both halves: ${both.toFixed(1)} s`);
  const cold = await coldStart(lab, node, () => standsAt(lab, revision));
  say(`  cold start, without a data plane and without its last snapshot: ${cold.toFixed(1)} s`);
  return {
    start_daemon_s: figure(daemon, 's', '<= 30'),
    start_both_s: figure(both, 's', '<= 30'),
    cold_start_s: figure(cold, 's', '<= 30'),
  };
}
