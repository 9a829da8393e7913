//   A PoP of two nodes shares an endpoint with another PoP; the internet leads a client's datagrams to the pair while it is there:
//
//   host ---- inet ---- p3, p4 (south), p1 (north): one endpoint; p2 (east)
//              |
//              +-- cgnat -- home -- client (a tunnel with its home in south)

import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { realClock } from '#internal/clock/clock.ts';
import { eventually } from '../eventually.ts';
import { outageDuring } from './outage.ts';
import { killNode, type Member, rolesOf, startNode } from './pair.ts';
import { stockMs, withinMs } from './pair-scene.ts';
import { raiseShared, type SharedScene } from './shared-endpoint.ts';
import { stayOf } from './stays.ts';
import { host4 } from './topology.ts';

const members: readonly Member[] = ['p3', 'p4'];
const other = 'p1';
const onlooker = 'p2';
/** Whoever keeps coming is taken over after 5 s, and the loser forgets 3 s later: what goes to and fro has moved by then. */
const calmMs = 15_000;
/** Of pings, in seconds: a takeover, and what a client that went elsewhere meanwhile needs to be back. */
const watchedSeconds = 12;

let scene: SharedScene;
const roles = () => rolesOf(scene.lab, withinMs);
const stay = () => stayOf(scene.client, onlooker, 'station');

beforeAll(async () => {
  scene = await raiseShared('/tmp/anycast-pair', { pair: true });
}, 180_000);

afterAll(async () => {
  await scene?.stop();
});

/** The pair is whole, one of it has the client, and whoever may take it over knows where it is. */
async function whole(): Promise<readonly [Member, Member]> {
  const { lab, client, heldBy, elsewhere, keys } = scene;
  for (const node of members) await startNode(lab, node);
  await eventually(async () => {
    const { nodes } = await client.at(onlooker).fabric.listNodes({});
    const told = nodes.map(({ node, role, pairAlarm, connected, failure }) => [
      ...[node?.id, role, pairAlarm, connected, failure],
    ]);
    const pair = nodes.filter(({ node, pairAlarm }) => node?.popId === 'south' && pairAlarm === '');
    if (
      pair
        .map(({ role }) => role)
        .sort()
        .join() === 'active,standby'
    )
      return true;
    throw new Error(JSON.stringify(told));
  }, withinMs);
  const both = await roles();
  const [active, standby] = both;
  await scene.lead(...members);
  await heldBy(active, withinMs);
  await eventually(async () => (await elsewhere(other)).includes('elements'), withinMs);
  await eventually(
    async () => (await readFile(`/run/node/${standby}/sibling-endpoints`, 'utf8')).includes(keys.publicKey),
    withinMs,
  );
  return both;
}

/** Both ways. */
const watched = () =>
  Promise.all([
    outageDuring(scene.lab, 'client', host4, watchedSeconds),
    outageDuring(scene.lab, 'host', scene.address4, watchedSeconds),
  ]);

/** The tunnel stays where it is, and packets pass. */
async function stays(): Promise<void> {
  const before = await stay();
  const outages = Promise.all([
    outageDuring(scene.lab, 'client', host4, calmMs / 1_000),
    outageDuring(scene.lab, 'host', scene.address4, calmMs / 1_000),
  ]);
  await realClock.sleep(calmMs);
  for (const { ended, replies } of await outages) expect([ended, replies > 0]).toEqual([true, true]);
  expect(await stay()).toEqual(before);
}

test('kill -9 of the active node of a pair: its sibling takes over, and the other PoP of the group does not keep its clients [N7] [N8]', async () => {
  const { lab, heldBy } = scene;
  const [active, standby] = await whole();
  const outages = watched();
  await realClock.sleep(500);
  await killNode(lab, active);
  for (const { ended, ms } of await outages) {
    expect(ended).toBe(true);
    expect(ms).toBeLessThan(stockMs);
  }
  expect(await roles()).toEqual([standby, active]);
  await heldBy(standby, withinMs);
  await stays();
}, 180_000);

test('the whole PoP dies: the other one of the group takes its clients [N7] [N8]', async () => {
  const { lab, heldBy } = scene;
  await whole();
  const outages = watched();
  await realClock.sleep(500);
  await Promise.all(members.map((node) => killNode(lab, node)));
  for (const { ended, ms } of await outages) {
    expect(ended).toBe(true);
    expect(ms).toBeLessThan(stockMs);
  }
  await heldBy(other, withinMs);
}, 180_000);

test('it comes back: the client moves once, and nothing goes to and fro [N7] [N8]', async () => {
  const { lab, heldBy } = scene;
  const { moves, heldByNodeId } = await stay();
  expect(heldByNodeId).toBe(other);
  const outages = Promise.all([outageDuring(lab, 'client', host4, 40), outageDuring(lab, 'host', scene.address4, 40)]);
  for (const node of members) await startNode(lab, node);
  const [active] = await roles();
  await heldBy(active, 2 * withinMs);
  for (const { ended, ms } of await outages) {
    expect(ended).toBe(true);
    expect(ms).toBeLessThan(stockMs);
  }
  await stays();
  expect(await stay()).toMatchObject({ heldByNodeId: active, moves: moves + 1 });
}, 240_000);
