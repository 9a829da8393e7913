//   Two PoPs share an endpoint; the internet leads a client's datagrams to the one or the other. In this order:
//
//   host ---- inet ---- p1 (north), p2 (east): one endpoint; p3 (south)
//              |
//              +-- cgnat -- home -- client (a tunnel with its home in north)

import { writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { realClock } from '#internal/clock/clock.ts';
import { eventually } from '../eventually.ts';
import { initiate, noiseKeysOf } from '../noise.ts';
import { lostDuring } from './lost.ts';
import { outageDuring } from './outage.ts';
import { newWgKeyPair } from './node-files.ts';
import { killNode } from './pair.ts';
import { callForPush } from './push-call.ts';
import { raiseShared, type SharedScene, sharers } from './shared-endpoint.ts';
import { stayOf } from './stays.ts';
import { host4 } from './topology.ts';

let scene: SharedScene;

beforeAll(async () => {
  scene = await raiseShared('/tmp/anycast');
  await scene.heldBy('p1');
}, 120_000);

afterAll(async () => {
  await scene?.stop();
});

test('the internet leads a client to another PoP of its group: nothing is lost, and the tunnel follows [N8]', async () => {
  const { lab, address4, heldBy, elsewhere } = scene;
  await eventually(async () => (await elsewhere('p2')).includes('elements'), 15_000);
  const call = await callForPush(lab, 20_000);
  const outward = outageDuring(lab, 'client', host4, 20);
  const lost = await lostDuring(lab, address4, async () => {
    await scene.lead('p2');
    await heldBy('p2', 15_000);
    // What may go wrong after a move goes wrong within 3 s: the loser forgets the session then.
    await realClock.sleep(5_000);
  });
  expect(lost).toBeLessThanOrEqual(3);
  expect((await outward).lost).toBeLessThanOrEqual(3);
  // What the client only listens to goes on through a firewall that lets replies in alone.
  await call.goesOn(5_000);
  await call.end();
  expect(await elsewhere('p2')).not.toContain('elements');
  await eventually(async () => (await elsewhere('p1')).includes('elements'), 5_000);
}, 120_000);

test('whoever replays an initiation at the other PoP moves nothing [N8]', async () => {
  const { lab, client, address4, heldBy, serverKey } = scene;
  const keys = noiseKeysOf(scene.keys.privateKey);
  const recorded = initiate({ keys, server: Buffer.from(serverKey, 'base64') }, 44, Date.now()).packet;
  await writeFile('/run/initiation', recorded);
  const { moves } = await stayOf(client, 'p3', 'station');
  await scene.lead('p1');
  const lost = await lostDuring(lab, address4, async () => {
    await lab.exec('host', ['bash', '-c', 'cat /run/initiation > /dev/udp/198.18.200.1/51820']);
    await realClock.sleep(2_000);
    // The client is relayed, and not yet taken over.
    expect(await stayOf(client, 'p3', 'station')).toMatchObject({ heldByNodeId: 'p2', moves });
    await heldBy('p1', 15_000);
  });
  expect(lost).toBeLessThanOrEqual(3);
  expect((await stayOf(client, 'p3', 'station')).moves).toBe(moves + 1);
}, 60_000);

test('the key of the group changes in a window: either PoP serves both keys, and it ends for both at once [N8] [T6]', async () => {
  const { lab, client, address4, heldBy, applied } = scene;
  const { fabric } = client;
  const next = newWgKeyPair();
  const value = { publicKey: next.publicKey, sealed: scene.sealed(next.privateKey) };
  // With the old file nothing is lost while it opens, with the new one nothing while it ends.
  const opening = await lostDuring(lab, address4, async () => {
    const { changed } = await fabric.rotatePopAccessKey({ popId: 'east', step: { case: 'next', value } });
    await applied(changed?.revision);
  });
  expect(opening).toBeLessThanOrEqual(3);
  expect(await scene.byNewFile()).toBe(next.publicKey);
  await heldBy('p1');
  // What is sent to the port of the next key is relayed as well.
  const moving = await lostDuring(lab, address4, async () => {
    await scene.lead('p2');
    await heldBy('p2', 15_000);
    await realClock.sleep(5_000);
    await scene.lead('p1');
    await heldBy('p1', 15_000);
    await realClock.sleep(5_000);
  });
  expect(moving).toBeLessThanOrEqual(6);
  const ending = await lostDuring(lab, address4, async () => {
    const { changed } = await fabric.rotatePopAccessKey({ popId: 'north', step: { case: 'finish', value: true } });
    await applied(changed?.revision);
    await realClock.sleep(2_000);
  });
  expect(ending).toBeLessThanOrEqual(3);
  for (const node of sharers) {
    const { stdout } = await lab.exec(`${node}p`, ['wg', 'show', 'all', 'public-key']);
    const access = stdout.split('\n').filter((line) => line.startsWith('p44w'));
    expect(access).toEqual([`p44w1\t${next.publicKey}`]);
  }
}, 180_000);

test('a PoP of the group dies, and another calls its clients [N8]', async () => {
  const { lab, address4, holder } = scene;
  const watched = Promise.all([outageDuring(lab, 'client', host4, 8), outageDuring(lab, 'host', address4, 8)]);
  await realClock.sleep(500);
  await killNode(lab, 'p1');
  const outages = await watched;
  expect(outages.map(({ ended }) => ended)).toEqual([true, true]);
  for (const { ms } of outages) expect(ms).toBeLessThan(3_000);
  expect(await holder()).toBe('p2');
}, 60_000);
