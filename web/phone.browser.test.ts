//   Chromium, 320 px wide -- https --> every page of both sites -- gRPC, mutual TLS --> two APIs on one store in memory
//
//   Filled with the longest that may stand there: what fits then always fits.

import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { UserRole } from '#internal/gen/pop44/store/v1/people_pb.ts';
import { goodPassword } from '#internal/testkit/accounts.ts';
import { newVisitor, startChromium } from '#internal/testkit/chromium.ts';
import { looked, lookedPages } from '#internal/testkit/looked-pages.ts';
import { nodeRequest, popRequest, publicKey } from '#internal/testkit/requests.ts';
import { type WebScene, webScene } from '#internal/testkit/web-scene.ts';
import { everyRoute } from './every-route.ts';

let scene: WebScene;
let browser: Browser;
const { problems, watch } = lookedPages();

const pops = 6;
const longName = 'n'.repeat(63);
/** Its mail's header is one line still, which the mailbox looks for. */
const longEmail = `${'e'.repeat(30)}@${'d'.repeat(20)}.example.org`;
const sentence = `${'because of what happened on the mast last night, '.repeat(3)}${'w'.repeat(40)}`;

async function member(callsign: string, email: string): Promise<void> {
  await scene.client.people.signUp({ callsign, email, password: goodPassword });
  await scene.client.people.verify({ secret: await scene.mails.secretTo(email, 'confirm your address') });
}

async function fill(): Promise<void> {
  const { client } = scene;
  const { fabric, people, pools, tunnels } = client;
  for (let n = 3; n <= pops; n += 1) {
    await fabric.createPop({
      pop: { ...popRequest(n), id: n === pops ? `a-place-far-away-${n}` : `p${n}`, description: 'Wien, Kahlenberg' },
    });
    await fabric.createNode({ node: { ...nodeRequest(n), popId: n === pops ? `a-place-far-away-${n}` : `p${n}` } });
  }
  for (let a = 1; a <= pops; a += 1)
    for (let b = a + 1; b <= pops; b += 1)
      if (b - a < 3) await fabric.createInterconnect({ nodeA: `p${a}`, nodeB: `p${b}` });
  await pools.createPool({ prefix: '2001:db8:4400:1200::/56', description: sentence.slice(0, 100) });
  await people.bootstrap({ callsign: 'OE1ADM', email: 'admin@example.org', password: goodPassword });
  await member('OE1ADA', 'ada@example.org');
  await people.approveUser({ user: 'OE1ADA' });
  await member('VK9XYZ9ABC', longEmail);
  const { user } = await people.getUser({ user: 'OE1ADA' });
  const owner = user?.owner ?? '';
  for (const name of [longName, 'repeater', 'phone'])
    await tunnels.createTunnel({ name, owner, publicKey: publicKey() });
  const { tunnels: made } = await tunnels.listTunnels({ owner });
  await client.desk.suspendTunnel({
    tunnel: made.find(({ name }) => name === longName)?.id ?? '',
    reason: sentence.slice(0, 190),
  });
  await client.allocations.allocate({
    owner,
    wishes: [
      { family: 4, length: 29 },
      { family: 6, length: 60 },
    ],
  });
  await fabric.drainNode({ node: 'p2', reason: sentence.slice(0, 190), force: true });
  await people.setUserRole({ user: 'OE1ADA', role: UserRole.USER });
}

beforeAll(async () => {
  [scene, browser] = await Promise.all([webScene(), startChromium()]);
  await fill();
}, 60_000);
afterAll(async () => {
  await browser?.close();
  await scene?.[Symbol.asyncDispose]();
});

/** What stands for `:id`, and answers that are no page. */
async function filled(path: string): Promise<string | undefined> {
  if (['/tunnels/:id/template', '/tunnels/rows', '/users/find', '/signup'].includes(path)) return undefined;
  const { client } = scene;
  if (path === '/tunnels/:id') {
    const { tunnels } = await client.tunnels.listTunnels({});
    return `/tunnels/${tunnels.find(({ name }) => name === longName)?.id ?? ''}`;
  }
  if (path === '/users/:id') return `/users/${(await client.people.getUser({ user: 'OE1ADA' })).user?.id ?? ''}`;
  if (path === '/nodes/:id') return '/nodes/p2';
  if (path === '/pools/:id') return `/pools/${(await client.pools.listPools({})).pools[0]?.id ?? ''}`;
  expect(path, 'a page that this test knows no address of').not.toContain(':');
  return path;
}

async function logIn(visitor: BrowserContext, url: string, name: string): Promise<void> {
  const page = watch(await visitor.newPage());
  await page.goto(`${url}/login`);
  await page.getByLabel('Callsign or e-mail').fill(name);
  await page.getByLabel('Password').fill(goodPassword);
  await page.getByRole('button', { name: 'Log in' }).click();
  await page.getByRole('button', { name: 'Log out' }).waitFor();
  await page.close();
}

const nameOf = (site: string, path: string): string => `phone-${site}${path.replaceAll(/[/:?=]+/g, '-')}`;

async function look(page: Page, site: string, path: string, at: string): Promise<void> {
  const response = await page.goto(at);
  expect(response?.status(), path).toBe(200);
  for (const summary of await page.locator('summary:visible').all()) await summary.click();
  await looked(page, nameOf(site, path));
}

test.each(['public', 'console'] as const)(
  '%s: every page fits a phone, to read and to press',
  async (site) => {
    const url = site === 'public' ? scene.publicUrl : scene.consoleUrl;
    const [stranger, person] = await Promise.all([newVisitor(browser), newVisitor(browser)]);
    await logIn(person, url, site === 'public' ? 'OE1ADA' : 'OE1ADM');
    const [outside, inside] = [watch(await stranger.newPage()), watch(await person.newPage())];
    const paths = everyRoute(site).filter(({ method }) => method === 'GET');
    let pages = 0;
    for (const { path, loggedIn = false } of paths) {
      const at = await filled(path);
      if (at === undefined) continue;
      await look(loggedIn ? inside : outside, site, path, `${url}${at}`);
      pages += 1;
    }
    expect(pages).toBeGreaterThanOrEqual(11);
    await Promise.all([stranger.close(), person.close()]);
  },
  120_000,
);

test('a part of a pool is found without the map, and what is none is said to be none', async () => {
  const person = await newVisitor(browser);
  await logIn(person, scene.consoleUrl, 'OE1ADM');
  const page = watch(await person.newPage());
  await page.goto(`${scene.consoleUrl}/pools`);
  await page.locator('tbody a', { hasText: '44.31' }).click();
  await page.getByLabel('A part of the pool').fill('44.31.0.0/26');
  await page.getByRole('button', { name: 'Show' }).click();
  await page.getByRole('heading', { name: 'Who holds what in 44.31.0.0/26' }).waitFor();
  await looked(page, 'phone-pool-part');
  for (const wrong of ['44.99.0.0/26', '<b>44.31.0.0</b>', '44.31.0.1/26']) {
    await page.getByLabel('A part of the pool').fill(wrong);
    await page.getByRole('button', { name: 'Show' }).click();
    expect(await page.getByRole('status').textContent()).toContain(`${wrong} is no part of this pool`);
  }
  await looked(page, 'phone-pool-no-part');
  await person.close();
});

test('nothing on any page was refused by its own policy, and nothing ran that is not ours', () => {
  expect(problems).toEqual([]);
});
