import { afterAll, beforeAll, expect, test } from 'vitest';
import { StatusService } from '#internal/gen/pop44/v1/status_pb.ts';
import { silenceMs } from '#internal/status/status.ts';
import { type ApiDaemon, type ApiNetwork, apiNetwork } from '#internal/testkit/api-network.ts';
import { apiClient } from '#internal/testkit/api-client.ts';
import { memoryStore } from '#internal/testkit/memory-store.ts';
import { createPops } from '#internal/testkit/requests.ts';

let network: ApiNetwork;
let daemon: ApiDaemon;
beforeAll(async () => {
  network = await apiNetwork(memoryStore().follower, ['p1']);
  [daemon] = network.daemons as [ApiDaemon];
  await createPops(apiClient(network, daemon).fabric, 4);
});
afterAll(async () => {
  await network[Symbol.asyncDispose]();
});

test('the matrix has what each node hears; one-way pairs are marked, an unheard listener is unknown [T9]', async () => {
  const { status } = daemon;
  const own = status.own();
  // An hour ahead: however the machine stands still, they stay heard.
  const fresh = new Date(Date.now() + 3_600_000);
  const hears = [
    { nodeId: 'p1', heard: true, rttMs: 3.4 },
    { nodeId: 'p3', heard: true, rttMs: 12, clockOffsetMs: -20 },
  ];
  const path = { up: true, verdict: 'degraded', weight: 4, detour: false, troubles: ['silent'] };
  const paths = [
    { ...path, interconnectId: 'p2-p3', link: 'p44i-p2-p3', nodeId: 'p3' },
    { ...path, interconnectId: 'p1-p2', link: 'p44i-p1-p2', nodeId: 'p1' },
  ];
  const refusal = {
    session: 'p44i_p2_club_4',
    neighbourId: 'club',
    imported: 3,
    refused: 10_006,
    limit: 1000,
    limitHit: false,
  };
  status.heard('p2', { ...own, appliedRevision: 1n, hears, paths, refusals: [refusal] }, fresh, {
    rttMs: 3.5,
    clockOffsetMs: 2,
  });
  status.heard('p3', { ...own, hears: [{ nodeId: 'p2', heard: false }] }, fresh);
  // Its stream is open, and nothing came over it for long: what it told then says nothing of now.
  status.heard('p4', { ...own, hears }, new Date(Date.now() - silenceMs - 1_000));
  const { nodeId, cells, nodes } = await network.as(StatusService, daemon).getMesh({});
  expect(nodeId).toBe('p1');
  const marks = cells.map((cell) => {
    const { fromNodeId, toNodeId, heard, oneWay } = cell;
    return `${fromNodeId}>${toNodeId} ${heard ? 'heard' : 'not'}${oneWay ? ' !' : ''}`;
  });
  expect(marks).toEqual([
    ...['p1>p2 heard', 'p1>p3 heard !', 'p1>p4 not'],
    ...['p2>p1 heard', 'p2>p3 heard !', 'p2>p4 not'],
    ...['p3>p1 not !', 'p3>p2 not !', 'p3>p4 not'],
  ]);
  expect(cells[0]).toMatchObject({ rttMs: 3.5, clockOffsetMs: 2 });
  expect(cells[4]).toMatchObject({ rttMs: 12, clockOffsetMs: -20 });
  expect(nodes.map(({ state }) => state?.node?.id)).toEqual(['p1', 'p2', 'p3', 'p4']);
  expect(nodes[1]?.paths.map(({ nodeId: to, weight, troubles }) => [to, weight, ...troubles])).toEqual([
    ['p1', 4, 'silent'],
    ['p3', 4, 'silent'],
  ]);
  expect(nodes.map(({ refusals }) => refusals.length)).toEqual([0, 1, 0, 0]);
  expect(nodes[1]?.refusals[0]).toMatchObject(refusal);
  expect(nodes[1]?.behind).toBe(daemon.head.snapshot().revision - 1n);
});
