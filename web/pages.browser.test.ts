//   Chromium -- https --> pop44-web -- gRPC, mutual TLS --> two APIs on one store in memory
//
//   One network for all of these, in this order: what one has signed up, the next uses.

import { readFile } from 'node:fs/promises';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { goodPassword } from '#internal/testkit/accounts.ts';
import { newVisitor, readQr, startChromium } from '#internal/testkit/chromium.ts';
import { eventually } from '#internal/testkit/eventually.ts';
import { looked, lookedPages } from '#internal/testkit/looked-pages.ts';
import { type WebScene, webScene } from '#internal/testkit/web-scene.ts';
import { publicKeyOf } from '#internal/x25519/x25519.ts';

let scene: WebScene;
let browser: Browser;
let visitor: BrowserContext;
let page: Page;

const { problems, watch } = lookedPages();

const linkIn = async (address: string, subject: string): Promise<string> => {
  const text = await eventually(() => scene.mails.to(address).find((each) => each.includes(subject)) ?? false, 5_000);
  return /https:\/\/\S+/.exec(text)?.[0] ?? '';
};

beforeAll(async () => {
  [scene, browser] = await Promise.all([webScene({ workBits: 10 }), startChromium()]);
  visitor = await newVisitor(browser);
  page = watch(await visitor.newPage());
});
afterAll(async () => {
  await browser.close();
  await scene[Symbol.asyncDispose]();
});

test('signing up takes one short form and one mail [P2] [S3]', async () => {
  await page.goto(scene.publicUrl);
  await looked(page, 'sign-up');
  await page.getByLabel('Callsign').fill('OE1ADA/P');
  await page.getByLabel('E-mail').fill('ada@example.org');
  await page.getByLabel('Password').fill('short');
  await page.getByRole('button', { name: 'Sign up' }).click();
  // What is wrong stands at its field, in words, and the focus is there.
  expect(await page.locator('#callsign-problem').textContent()).toContain('has a prefix or a suffix');
  expect(await page.locator(':focus').getAttribute('id')).toBe('callsign');
  expect(await page.getByLabel('E-mail').inputValue()).toBe('ada@example.org');
  await looked(page, 'sign-up-problem');
  await page.getByLabel('Callsign').fill('OE1ADA');
  await page.getByLabel('Password').fill('short');
  await page.getByRole('button', { name: 'Sign up' }).click();
  expect(await page.locator('#password-problem').textContent()).toContain('15 to 256 characters');
  await page.getByLabel('Password').fill(goodPassword);
  await page.getByRole('button', { name: 'Sign up' }).click();
  await page.waitForURL('**/sent');
  await looked(page, 'sent');
  await page.goto(await linkIn('ada@example.org', 'confirm your address'));
  // The code is in no address that a server, a proxy or a history is told.
  expect(page.url()).toBe(`${scene.publicUrl}/verify`);
  await looked(page, 'verify');
  await page.getByRole('button', { name: 'Confirm' }).click();
  await page.waitForURL('**/login?said=pending');
  expect(await page.getByRole('status').textContent()).toContain('An operator looks at each new account');
  // Twice is not once more.
  await page.goBack();
  await page.getByRole('button', { name: 'Confirm' }).click();
  expect(await page.locator('#secret-problem').textContent()).toContain('older than 30 minutes');
});

test('a login opens what is one’s own, once an admin has approved it', async () => {
  const login = async (password: string) => {
    await page.goto(`${scene.publicUrl}/login`);
    await page.getByLabel('Callsign or e-mail').fill('oe1ada');
    await page.getByLabel('Password').fill(password);
    await page.getByRole('button', { name: 'Log in' }).click();
  };
  await login('something else entirely');
  expect(await page.locator('#password-problem').textContent()).toContain('do not belong together');
  await looked(page, 'login-problem');
  await login(goodPassword);
  expect(await page.getByRole('alert').textContent()).toContain('waits for an admin');
  await scene.client.people.approveUser({ user: 'OE1ADA' });
  await login(goodPassword);
  await page.waitForURL('**/tunnels');
  await looked(page, 'no-tunnel');
  const cookie = (await visitor.cookies()).find(({ name }) => name === '__Host-pop44');
  expect(cookie).toMatchObject({ httpOnly: true, secure: true, sameSite: 'Lax', path: '/' });
});

test('a tunnel in three choices; its key never leaves the browser; its file works as code and as download [T3] [T4]', async () => {
  const sent: string[] = [];
  page.on('request', (request) => sent.push(`${request.url()} ${request.postData() ?? ''}`));
  await page.getByRole('link', { name: 'Create your first tunnel' }).click();
  await looked(page, 'new-tunnel');
  await page.getByLabel('Name').fill('Repeater 1');
  await page.getByRole('button', { name: 'Create the tunnel' }).click();
  await eventually(async () => (await page.locator('#create-problem').textContent())?.includes('"Repeater 1"'), 5_000);
  expect(await page.locator(':focus').getAttribute('id')).toBe('name');
  await page.getByLabel('Name').fill('repeater');
  await page.getByLabel('A web server', { exact: false }).first().check();
  await page.getByRole('button', { name: 'Create the tunnel' }).click();
  await page.getByRole('heading', { name: 'Your file' }).waitFor();
  await page.locator('#file-saves button').first().waitFor();
  await looked(page, 'file');
  const [download] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('button', { name: 'Save repeater.conf' }).click(),
  ]);
  const file = await readFile(await download.path(), 'utf8');
  const privateKey = /^PrivateKey = (\S{44})$/m.exec(file)?.[1] ?? 'none';
  expect(sent.join('\n')).not.toContain(privateKey);
  expect(sent.join('\n')).not.toContain(encodeURIComponent(privateKey));
  const { tunnels } = await scene.client.tunnels.listTunnels({});
  expect(tunnels).toMatchObject([{ name: 'repeater', firewall: { presets: ['ping', 'web'] } }]);
  // Only replies: wg-quick makes no rules, and its page says which are wanted; a phone's app knows none.
  await page.getByLabel('What goes through the tunnel').selectOption('replies');
  await page.getByText('This file is for Linux alone').waitFor();
  await page.getByText(/as root: ip -4 rule add from 44\.31\./).waitFor();
  await looked(page, 'file-replies');
  await page.getByLabel('Device').selectOption('phone');
  await page.getByText('A phone sends everything').waitFor();
  expect(await page.getByLabel('What goes through the tunnel').isVisible()).toBe(false);
  await page.locator('img.qr').waitFor();
  const bare = file.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  expect((await readQr(page, 'img.qr')).split('\n')).toEqual(bare.map((line) => line.replace(' = ', '=')));
  // The reader had this process, which is the server's too, for itself: until it is back it says 503 to whoever asks.
  await eventually(async () => (await page.request.get(`${scene.publicUrl}/healthz`)).ok(), 5_000);
  await looked(page, 'file-phone');
  await page.getByLabel('Device').selectOption('wg-quick');
  await page.getByLabel('What goes through the tunnel').selectOption('all');
  for (const [kind, name] of [
    ['networkmanager', 'repeater.nmconnection'],
    ['networkd', 'repeater.netdev'],
    ['openwrt', 'repeater.uci'],
    ['routeros', 'repeater.rsc'],
  ] as const) {
    await page.getByLabel('Device').selectOption(kind);
    await page.getByRole('button', { name: `Save ${name}` }).waitFor();
    expect(await page.locator('#file-text').textContent()).toContain(privateKey);
  }
  await page.getByRole('link', { name: 'To the tunnel' }).click();
  await page.getByRole('heading', { name: 'repeater', level: 1 }).waitFor();
  await looked(page, 'tunnel');
  // The file again, from the key that one has.
  await page.getByLabel('Private key, or an earlier file').fill(file);
  await page.getByRole('button', { name: 'Make the file' }).click();
  await page.getByRole('button', { name: 'Save repeater.conf' }).waitFor();
  expect(await page.locator('#file-text').textContent()).toBe(file);
});

test('what can be changed is changed, and what was refused says why', async () => {
  await page.goto(`${scene.publicUrl}/tunnels`);
  await looked(page, 'tunnels');
  await page.getByRole('link', { name: 'repeater' }).click();
  await page.getByLabel('New name').fill('-no-');
  await page.getByRole('button', { name: 'Rename' }).click();
  expect(await page.locator('#name-problem').textContent()).toContain('"-no-"');
  await page.getByLabel('New name').fill('relay');
  await page.getByRole('button', { name: 'Rename' }).click();
  await page.getByRole('heading', { name: 'relay', level: 1 }).waitFor();
  await page.getByRole('button', { name: 'Switch off' }).click();
  await page.getByText('Switched off', { exact: true }).waitFor();
  await page.getByRole('button', { name: 'Switch on' }).click();
  await page.getByRole('button', { name: 'Make a new key' }).click();
  await page.getByRole('heading', { name: 'Your file' }).waitFor();
  await page.reload();
  await page.getByText('A new key waits').waitFor();
  await page.getByRole('button', { name: 'Give it up' }).click();
  await page.getByText('The new key is given up').waitFor();
  await page.getByLabel('Type relay to delete it').fill('repeater');
  await page.getByRole('button', { name: 'Delete the tunnel' }).click();
  expect(await page.locator('#confirm-problem').textContent()).toContain('not its name');
  expect((await scene.client.tunnels.listTunnels({})).tunnels).toHaveLength(1);
});

test('a change on an old page is refused, and nothing is lost [two tabs]', async () => {
  const second = watch(await visitor.newPage());
  await second.goto(page.url().replace(/\/delete$/, ''));
  await page.goto(second.url());
  await page.getByLabel('New name').fill('first');
  await page.getByRole('button', { name: 'Rename' }).click();
  await page.getByRole('heading', { name: 'first', level: 1 }).waitFor();
  await second.getByLabel('New name').fill('second');
  await second.getByRole('button', { name: 'Rename' }).click();
  expect(await second.getByRole('alert').first().textContent()).toContain('changed meanwhile');
  expect((await scene.client.tunnels.listTunnels({})).tunnels).toMatchObject([{ name: 'first' }]);
  await second.close();
});

test('another’s things are not there', async () => {
  const { tunnel } = await scene.client.tunnels.createTunnel({
    name: 'others',
    publicKey: 'hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo=',
  });
  const response = await page.goto(`${scene.publicUrl}/tunnels/${tunnel?.id}`);
  expect(response?.status()).toBe(404);
  expect(await page.textContent('main')).not.toContain('others');
  await looked(page, 'not-found');
});

test('account: logins are listed and ended, the password is changed', async () => {
  await page.goto(`${scene.publicUrl}/account`);
  await looked(page, 'account');
  await page.getByLabel('Current password').fill('wrong wrong wrong wrong');
  await page.getByLabel('New password').fill(`${goodPassword} again`);
  await page.getByRole('button', { name: 'Change it' }).click();
  expect(await page.locator('#old_password-problem').textContent()).toContain('not your current password');
  await page.getByLabel('Current password').fill(goodPassword);
  await page.getByLabel('New password').fill(`${goodPassword} again`);
  await page.getByRole('button', { name: 'Change it' }).click();
  await page.getByText('Your password is changed').waitFor();
  await page.getByRole('button', { name: 'Log out' }).click();
  await page.waitForURL('**/login?said=out');
  await page.goto(`${scene.publicUrl}/tunnels`);
  expect(page.url()).toContain('/login?next=%2Ftunnels');
});

test('an admin lets a user in, and sees the network [P1] [S7]', async () => {
  await scene.client.people.bootstrap({ callsign: 'OE1ADM', email: 'admin@example.org', password: goodPassword });
  const other = await newVisitor(browser);
  const desk = watch(await other.newPage());
  await desk.goto(scene.consoleUrl);
  expect(desk.url()).toBe(`${scene.consoleUrl}/login?next=%2F`);
  await looked(desk, 'console-login');
  await desk.getByLabel('Callsign or e-mail').fill('OE1ADM');
  await desk.getByLabel('Password').fill(goodPassword);
  await desk.getByRole('button', { name: 'Log in' }).click();
  await desk.getByRole('heading', { name: 'Overview' }).waitFor();
  await looked(desk, 'console-overview');
  for (const name of ['Nodes', 'Pools', 'Tunnels', 'Users', 'Audit']) {
    await desk.getByRole('navigation').getByRole('link', { name, exact: true }).click();
    await desk.getByRole('heading', { name, level: 1 }).waitFor();
    await looked(desk, `console-${name.toLowerCase()}`);
  }
  await scene.client.people.signUp({ callsign: 'OE1NEW', email: 'new@example.org', password: goodPassword });
  const secret = await scene.mails.secretTo('new@example.org', 'confirm your address');
  await scene.client.people.verify({ secret });
  await desk.getByRole('navigation').getByRole('link', { name: 'Users' }).click();
  await desk.getByRole('button', { name: 'Let OE1NEW in' }).click();
  await desk.getByRole('heading', { name: 'OE1NEW' }).waitFor();
  await looked(desk, 'console-user');
  await desk.getByLabel('Reason').fill('<script>alert(1)</script>');
  await desk.getByRole('button', { name: 'Suspend' }).click();
  expect(await desk.getByText('<script>alert(1)</script>').first().isVisible()).toBe(true);
  await desk.getByRole('button', { name: 'Reinstate' }).click();
  await desk.getByText('active', { exact: true }).waitFor();
  await other.close();
});

test('search finds as one types, and its state is in the address', async () => {
  const other = await newVisitor(browser);
  const desk = watch(await other.newPage());
  await desk.goto(`${scene.consoleUrl}/login?next=%2Ftunnels`);
  await desk.getByLabel('Callsign or e-mail').fill('OE1ADM');
  await desk.getByLabel('Password').fill(goodPassword);
  await desk.getByRole('button', { name: 'Log in' }).click();
  await desk.waitForURL('**/tunnels');
  expect(await desk.locator('tbody tr').count()).toBe(2);
  await desk.getByRole('searchbox').pressSequentially('oth');
  await eventually(async () => (await desk.locator('tbody tr').count()) === 1, 5_000);
  expect(desk.url()).toBe(`${scene.consoleUrl}/tunnels?q=oth`);
  await desk.reload();
  expect(await desk.locator('tbody tr').count()).toBe(1);
  await desk.getByRole('link', { name: 'others' }).click();
  await desk.getByRole('heading', { name: 'others', level: 1 }).waitFor();
  await looked(desk, 'console-tunnel');
  await desk.goto(`${scene.consoleUrl}/pools`);
  await desk.locator('tbody a').first().click();
  await looked(desk, 'console-pool');
  await desk.goto(`${scene.consoleUrl}/nodes/p1`);
  await looked(desk, 'console-node');
  await other.close();
});

test('a user has no console', async () => {
  await page.goto(`${scene.consoleUrl}/login`);
  await page.getByLabel('Callsign or e-mail').fill('OE1ADA');
  await page.getByLabel('Password').fill(`${goodPassword} again`);
  await page.getByRole('button', { name: 'Log in' }).click();
  await page.waitForURL(`${scene.consoleUrl}/`);
  expect(await page.locator('h1').textContent()).toBe('Not for this account');
});

test('by keyboard alone, from the form to a tunnel’s page', async () => {
  await scene.client.people.signUp({ callsign: 'OE1KEY', email: 'key@example.org', password: goodPassword });
  await scene.client.people.verify({ secret: await scene.mails.secretTo('key@example.org', 'confirm your address') });
  await scene.client.people.approveUser({ user: 'OE1KEY' });
  const other = await newVisitor(browser);
  const keys = watch(await other.newPage());
  const press = async (key: string, times = 1) => {
    for (let turn = 0; turn < times; turn += 1) await keys.keyboard.press(key);
  };
  const focused = () => keys.evaluate<string>('document.activeElement.textContent || document.activeElement.id');
  /** Until what has the focus says this. */
  const tabTo = async (text: string) => {
    for (let turn = 0; turn < 60; turn += 1) {
      if ((await focused()).includes(text)) return;
      await press('Tab');
    }
    throw new Error(`no way by Tab to ${text}`);
  };
  await keys.goto(`${scene.publicUrl}/login`);
  expect(await focused()).toBe('name');
  await keys.keyboard.type('OE1KEY');
  await press('Tab');
  await keys.keyboard.type(goodPassword);
  await press('Enter');
  await keys.waitForURL('**/tunnels');
  await press('Tab');
  expect(await focused()).toBe('Skip to the content');
  await tabTo('Create your first tunnel');
  await press('Enter');
  await keys.waitForURL('**/tunnels/new');
  await keys.keyboard.type('radio');
  await press('Tab', 2);
  await press('ArrowDown', 2);
  await tabTo('Create the tunnel');
  await press('Enter');
  await keys.locator('#file-saves button').first().waitFor();
  // The focus has gone where the news is.
  expect(await keys.evaluate<string>('document.activeElement.id')).toBe('file-panel');
  const { tunnels } = await scene.client.tunnels.listTunnels({});
  expect(tunnels.find(({ name }) => name === 'radio')?.firewall?.presets).toEqual(['ping', 'web']);
  await other.close();
});

test('without scripts: up to the key, which the device makes then', async () => {
  const other = await newVisitor(browser, { javaScriptEnabled: false });
  const plain = await other.newPage();
  await plain.goto(scene.publicUrl);
  await plain.getByLabel('Callsign').fill('OE1NOS');
  await plain.getByLabel('E-mail').fill('nos@example.org');
  await plain.getByLabel('Password').fill(goodPassword);
  await plain.getByRole('button', { name: 'Sign up' }).click();
  await plain.waitForURL('**/sent');
  const secret = (await scene.mails.secretTo('nos@example.org', 'confirm your address')) as Buffer;
  await plain.goto(`${scene.publicUrl}/verify#${secret.toString('base64url')}`);
  await plain.getByLabel('Code from the mail').fill(secret.toString('base64url'));
  await plain.getByRole('button', { name: 'Confirm' }).click();
  await plain.waitForURL('**/login?said=pending');
  await scene.client.people.approveUser({ user: 'OE1NOS' });
  await plain.getByLabel('Callsign or e-mail').fill('OE1NOS');
  await plain.getByLabel('Password').fill(goodPassword);
  await plain.getByRole('button', { name: 'Log in' }).click();
  await plain.getByRole('link', { name: 'Create your first tunnel' }).click();
  await plain.getByLabel('Name').fill('plain');
  await plain.getByLabel('Public key of the device').fill('3p7bfXt9wbTTW2HC7OQ1Nz+DQ8hbeGdNrfx+FG+IK08=');
  await plain.getByRole('button', { name: 'Create the tunnel' }).click();
  await plain.getByRole('heading', { name: 'plain', level: 1 }).waitFor();
  const file = (await plain.locator('noscript pre').textContent()) ?? '';
  expect(file).toContain('PrivateKey = (the private key that you have made)');
  expect(file).toMatch(/^Address = 44\.31\./m);
  await other.close();
});

test('a browser without X25519 makes its key by a library', async () => {
  const other = await newVisitor(browser);
  const old = watch(await other.newPage());
  await old.addInitScript(
    'crypto.subtle.generateKey = () => Promise.reject(new DOMException("unrecognised", "NotSupportedError"))',
  );
  await old.goto(`${scene.publicUrl}/login?next=%2Ftunnels%2Fnew`);
  await old.getByLabel('Callsign or e-mail').fill('OE1KEY');
  await old.getByLabel('Password').fill(goodPassword);
  await old.getByRole('button', { name: 'Log in' }).click();
  await old.waitForURL('**/tunnels/new');
  await old.getByLabel('Name').fill('old');
  await old.getByRole('button', { name: 'Create the tunnel' }).click();
  await old.locator('#file-saves button').first().waitFor();
  const text = (await old.locator('#file-text').textContent()) ?? '';
  const privateKey = /^PrivateKey = (\S{44})$/m.exec(text)?.[1] ?? '';
  const { tunnels } = await scene.client.tunnels.listTunnels({});
  const made = publicKeyOf(Buffer.from(privateKey, 'base64')).toString('base64');
  expect(tunnels.find(({ name }) => name === 'old')?.publicKey).toBe(made);
  await other.close();
});

test('nothing on any page was refused by its own policy, and nothing ran that is not ours', () => {
  expect(problems).toEqual([]);
});
