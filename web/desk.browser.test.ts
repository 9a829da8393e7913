//   Chromium -- https --> the console and the public site of pop44-web -- gRPC, mutual TLS --> two APIs on one store in memory

import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { goodPassword } from '#internal/testkit/accounts.ts';
import { newVisitor, startChromium } from '#internal/testkit/chromium.ts';
import { eventually } from '#internal/testkit/eventually.ts';
import { looked, lookedPages } from '#internal/testkit/looked-pages.ts';
import { publicKey } from '#internal/testkit/requests.ts';
import { type WebScene, webScene } from '#internal/testkit/web-scene.ts';

let scene: WebScene;
let browser: Browser;
let desk: Page;
const { problems, watch } = lookedPages();

async function logIn(url: string, name: string): Promise<Page> {
  const page = watch(await (await newVisitor(browser)).newPage());
  await page.goto(`${url}/login`);
  await page.getByLabel('Callsign or e-mail').fill(name);
  await page.getByLabel('Password').fill(goodPassword);
  await page.getByRole('button', { name: 'Log in' }).click();
  await page.getByRole('button', { name: 'Log out' }).waitFor();
  return page;
}

beforeAll(async () => {
  [scene, browser] = await Promise.all([webScene(), startChromium()]);
  await scene.client.people.bootstrap({ callsign: 'OE1ADM', email: 'admin@example.org', password: goodPassword });
  await scene.client.people.signUp({ callsign: 'OE1ADA', email: 'ada@example.org', password: goodPassword });
  await scene.client.people.verify({ secret: await scene.mails.secretTo('ada@example.org', 'confirm your address') });
  await scene.client.people.approveUser({ user: 'OE1ADA' });
  desk = await logIn(scene.consoleUrl, 'OE1ADM');
});
afterAll(async () => {
  await browser?.close();
  await scene?.[Symbol.asyncDispose]();
});

test('a node is taken out of use and put back, each named, each with its line of the CLI [N8]', async () => {
  await desk.goto(`${scene.consoleUrl}/nodes/p2`);
  await desk.getByText('pop44 node drain p2').waitFor();
  await desk.getByLabel('Reason').fill('new disk');
  await desk.getByLabel('Type p2').fill('p1');
  await desk.getByRole('button', { name: 'Take out of use' }).click();
  expect(await desk.locator('#confirm_drain-problem').textContent()).toContain('not its name');
  await looked(desk, 'console-node-problem');
  expect(await desk.getByLabel('Reason').inputValue()).toBe('new disk');
  await desk.getByLabel('Type p2').fill('p2');
  await desk.getByRole('button', { name: 'Take out of use' }).click();
  await desk.getByText(/Taken out by .*: new disk/).waitFor();
  await looked(desk, 'console-node-drained');
  const nodes = async () =>
    (await scene.client.fabric.listNodes({})).nodes.map(({ node }) => [node?.id, node?.drain?.reason]);
  expect(await nodes()).toEqual([
    ['p1', undefined],
    ['p2', 'new disk'],
  ]);
  await desk.getByRole('button', { name: 'Put p2 back into use' }).click();
  await desk.getByRole('button', { name: 'Take out of use' }).waitFor();
  expect((await nodes())[1]).toEqual(['p2', undefined]);
});

test('a pool is a map of who holds what, and a part of it a map of its own', async () => {
  const owner = (await scene.client.people.getUser({ user: 'OE1ADA' })).user?.owner ?? '';
  for (const name of ['repeater', 'phone'])
    await scene.client.tunnels.createTunnel({ name, owner, publicKey: publicKey() });
  await scene.client.allocations.allocate({ owner, wishes: [{ family: 4, length: 29 }] });
  await desk.goto(`${scene.consoleUrl}/pools`);
  await desk.locator('tbody a', { hasText: '44.31' }).first().click();
  await desk.getByRole('heading', { name: 'Who holds what' }).waitFor();
  expect(await desk.locator('svg.addresses rect:not(.free)').count()).toBeGreaterThan(2);
  const { allocations } = await scene.client.allocations.listAllocations({ withQuarantined: true });
  const of4 = allocations.filter(({ prefix }) => prefix.startsWith('44.'));
  expect(await desk.getByRole('region', { name: 'Who holds what' }).locator('tbody tr').count()).toBe(of4.length);
  await desk.getByRole('link', { name: 'OE1ADA' }).first().waitFor();
  await looked(desk, 'console-pool-map');
  const block = of4.find(({ prefix }) => prefix.endsWith('/29'))?.prefix ?? '';
  await desk.locator(`svg.addresses a[href*="at="] rect.full`).first().click();
  await desk.getByRole('link', { name: 'The whole pool' }).waitFor();
  await looked(desk, 'console-pool-part');
  await desk.goto(`${desk.url().split('?')[0]}?at=${encodeURIComponent(block)}`);
  await eventually(
    async () => (await desk.locator('main > .card svg.addresses:not(.legend *) rect.full').count()) === 8,
    5_000,
  );
  expect(await desk.getByRole('region', { name: 'Who holds what' }).locator('tbody tr').count()).toBe(1);
});

test.each(['public', 'console'] as const)('%s: a token is made, shown once, works, and ends', async (site) => {
  const url = site === 'public' ? scene.publicUrl : scene.consoleUrl;
  const page = site === 'public' ? await logIn(url, 'OE1ADA') : desk;
  await page.goto(`${url}/tokens`);
  await looked(page, `tokens-none-${site}`);
  await page.getByLabel('Name').fill('backup');
  await page.getByRole('button', { name: 'Make a token' }).click();
  expect(await page.getByRole('alert').textContent()).toContain('Scopes are missing');
  await page.getByLabel('Read').check();
  await page.getByRole('button', { name: 'Make a token' }).click();
  const bearer = (await page.locator('#made pre').textContent()) ?? '';
  await looked(page, `token-made-${site}`);
  const who = await scene.client.people.whoAmI({}, { bearer });
  expect(who).toMatchObject({ scopes: ['read'], user: { callsign: site === 'public' ? 'OE1ADA' : 'OE1ADM' } });
  await page.goto(`${url}/tokens`);
  expect(await page.textContent('main')).not.toContain(bearer);
  await looked(page, `tokens-${site}`);
  if (site === 'public') {
    // A global admin ends what a user has lost.
    await desk.goto(`${scene.consoleUrl}/users/find?q=OE1ADA`);
    await looked(desk, 'console-user-token');
    await desk.getByRole('button', { name: 'End backup' }).click();
    await desk.getByRole('button', { name: 'End backup' }).waitFor({ state: 'detached' });
  } else {
    await page.getByRole('button', { name: 'End backup' }).click();
    await page.getByText('That token has ended').waitFor();
  }
  await expect(scene.client.people.whoAmI({}, { bearer })).rejects.toThrow('has ended');
});

test('nothing on any page was refused by its own policy, and nothing ran that is not ours', () => {
  expect(problems).toEqual([]);
});
