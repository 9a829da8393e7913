import { expect, test } from 'vitest';
import { createMetrics, type Readings, serveMetrics } from './metrics.ts';

const readings: Readings = {
  snapshotRevision: 12n,
  appliedRevision: 11n,
  storeConnected: true,
  certificateEnds: { node: new Date('2100-01-01'), ca: new Date('2101-01-01') },
  brakeHeld: false,
  failingSteps: 2,
  quarantined: 1,
  poolsLed: 1,
  pools: { '4-2c1f0000-22': { allocations: 5, quarantined: 2 } },
  records: { tunnel: 3 },
  peers: [{ nodeId: 'p2', connected: true, rttMs: 1.5, clockOffsetMs: -250, heard: true, oneWay: true }],
  paths: { 'p44i-p1-p2': { up: true, weight: 4, verdict: 'degraded', detour: false } },
  bgp: [
    {
      ...{ session: 'p44i_p1_p3_6', family: 6, imported: 1000, received: 10_005, rejected: 0, filtered: 4 },
      ...{ ignored: 9001, accepted: 1000, limit: 1000, limitHit: true },
    },
  ],
  dataplane: { drift: { peer: 4 }, undone: ['pop'], comparisons: 9, comparisonMs: 20, rssBytes: 100, cpuSeconds: 1.5 },
};

test('what is scraped is what stands now, under names by the conventions [P4]', async () => {
  const metrics = createMetrics('1.2.3', () => readings);
  metrics.request('pop44.v1.PoolService/ListPools');
  const listener = await serveMetrics(metrics, '127.0.0.1', 0);
  const text = await (await fetch(`http://127.0.0.1:${listener.port}/metrics`)).text();
  expect((await fetch(`http://127.0.0.1:${listener.port}/debug`)).status).toBe(404);
  await listener.close();
  for (const line of [
    'pop44_build_info{version="1.2.3"} 1',
    'pop44_snapshot_revision 12',
    'pop44_applied_revision 11',
    'pop44_records{kind="tunnel"} 3',
    'pop44_pools_led 1',
    'pop44_pool_allocations{pool="4-2c1f0000-22"} 5',
    'pop44_pool_quarantined{pool="4-2c1f0000-22"} 2',
    'pop44_mesh_rtt_seconds{node="p2"} 0.0015',
    'pop44_mesh_clock_offset_seconds{node="p2"} -0.25',
    'pop44_mesh_heard{node="p2"} 1',
    'pop44_mesh_one_way{node="p2"} 1',
    'pop44_path_up{link="p44i-p1-p2"} 1',
    'pop44_path_weight{link="p44i-p1-p2"} 4',
    'pop44_path_verdict{link="p44i-p1-p2"} 1',
    'pop44_path_detour{link="p44i-p1-p2"} 0',
    'pop44_bgp_routes{session="p44i_p1_p3_6",family="6",what="imported"} 1000',
    'pop44_bgp_routes{session="p44i_p1_p3_6",family="6",what="filtered"} 4',
    'pop44_bgp_limit_hit{session="p44i_p1_p3_6",family="6"} 1',
    'pop44_drift_steps{kind="peer"} 4',
    'pop44_bird_undone{netns="pop"} 1',
    'pop44_bird_undone{netns="transport"} 0',
    'pop44_requests_total{method="pop44.v1.PoolService/ListPools"} 1',
  ])
    expect(text).toContain(line);
});
