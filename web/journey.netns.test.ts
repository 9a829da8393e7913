//   The whole journey, on real parts, as a person goes it:
//
//   Chromium -- relay -- pop44-web -- p1, p2, p3 -- etcd
//   host ---- inet ---- p1, p2, p3
//              |
//              +-- cgnat -- home -- client, with the file that was downloaded

import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Client, openClient } from '#internal/client/client.ts';
import { goodPassword } from '#internal/testkit/accounts.ts';
import { newVisitor, readQr, startChromium } from '#internal/testkit/chromium.ts';
import { eventually } from '#internal/testkit/eventually.ts';
import { type StartedLab, startLab } from '#internal/testkit/lab/lab.ts';
import { looked } from '#internal/testkit/looked-pages.ts';

let lab: StartedLab;
let client: Client;
let browser: Browser;
let user: BrowserContext;
let admin: BrowserContext;
let page: Page;
let desk: Page;
let runtime: string;
let address4 = '';

/** Seconds are for a loaded machine. */
const withinMs = 30_000;
const urls = () => lab.context.web ?? { public: '', console: '' };

/** Whatever a daemon of the lab has put into its maildir for this address. */
async function mailTo(address: string, subject: string): Promise<string> {
  return eventually(async () => {
    const { stdout } = await lab.exec('p1t', ['sh', '-c', 'cat /run/node/p*/state/mail/new/* 2>/dev/null || true']);
    const mails = stdout.split(/^(?=From: )/m).map((mail) => mail.replaceAll('=\n', '').replaceAll('=3D', '='));
    return mails.find((mail) => mail.includes(`To: ${address}`) && mail.includes(subject)) ?? false;
  }, withinMs);
}

async function logIn(at: Page, url: string, name: string): Promise<void> {
  await at.goto(`${url}/login`);
  await at.getByLabel('Callsign or e-mail').fill(name);
  await at.getByLabel('Password').fill(goodPassword);
  await at.getByRole('button', { name: 'Log in' }).click();
}

beforeAll(async () => {
  runtime = await mkdtemp('/tmp/journey-');
  lab = await startLab({ environment: { ...process.env, XDG_RUNTIME_DIR: runtime }, web: true });
  browser = await startChromium();
  client = openClient({ file: join(lab.directory, 'context.json'), ...lab.context });
  for (const prefix of ['44.31.0.0/22', '2001:db8:44::/48']) await client.pools.createPool({ prefix });
  await client.people.bootstrap({ callsign: 'OE1ADM', email: 'adm@example.org', password: goodPassword });
  [user, admin] = await Promise.all([newVisitor(browser), newVisitor(browser)]);
  [page, desk] = await Promise.all([user.newPage(), admin.newPage()]);
}, 120_000);

afterAll(async () => {
  await browser?.close();
  client?.close();
  await lab?.stop();
  await rm(runtime, { recursive: true, force: true });
});

test('sign up, follow the mail, be let in by an admin at the console [P1] [P2] [S3]', async () => {
  await page.goto(urls().public);
  await page.getByLabel('Callsign').fill('OE1ADA');
  await page.getByLabel('E-mail').fill('ada@example.org');
  await page.getByLabel('Password').fill(goodPassword);
  await page.getByRole('button', { name: 'Sign up' }).click();
  await page.waitForURL('**/sent', { timeout: withinMs });
  const link = /https:\S+/.exec(await mailTo('ada@example.org', 'confirm your address'))?.[0] ?? '';
  expect(link).toContain(`${urls().public}/verify#`);
  await page.goto(link);
  await page.getByRole('button', { name: 'Confirm' }).click();
  await page.waitForURL('**/login?said=pending');
  await logIn(desk, urls().console, 'OE1ADM');
  await desk.getByRole('heading', { name: 'Overview' }).waitFor();
  await desk.getByRole('navigation').getByRole('link', { name: 'Users' }).click();
  await desk.getByRole('button', { name: 'Let OE1ADA in' }).click();
  await desk.getByText('active', { exact: true }).waitFor();
  expect(await mailTo('ada@example.org', 'your account is open')).toContain('An admin has approved it');
  await logIn(page, urls().public, 'OE1ADA');
  await page.waitForURL('**/tunnels');
});

test('the console shows the network as it is', async () => {
  await desk.goto(urls().console);
  await eventually(
    async () => (await desk.locator('[data-cell="network/nodes"]').textContent()) === '3 of 3',
    withinMs,
  );
  await eventually(async () => (await desk.locator('.map.wide path.up').count()) === 3, withinMs);
  await looked(desk, 'lab-overview');
  for (const name of ['Nodes', 'Pools', 'Audit']) {
    await desk.getByRole('navigation').getByRole('link', { name, exact: true }).click();
    await desk.locator('tbody tr').first().waitFor();
    await looked(desk, `lab-${name.toLowerCase()}`);
  }
});

let file = '';
test('a tunnel, its file, and the device is on the internet, as its page tells [U1] [T2] [T3]', async () => {
  await page.getByRole('link', { name: 'Create your first tunnel' }).click();
  await page.getByLabel('Name').fill('repeater');
  await page.getByLabel('Where').selectOption({ index: 1 });
  await page.getByRole('button', { name: 'Create the tunnel' }).click();
  const [download] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('button', { name: 'Save repeater.conf' }).click(),
  ]);
  file = await readFile(await download.path(), 'utf8');
  await page.getByLabel('Device').selectOption('phone');
  await page.locator('img.qr').waitFor();
  // What the app of a phone reads is the file, without its comments.
  const bare = file.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  expect(await readQr(page, 'img.qr')).toBe(bare.map((line) => line.replace(' = ', '=')).join('\n'));
  await page.getByRole('link', { name: 'To the tunnel' }).click();
  await page.getByText('Not connected yet').waitFor();
  address4 = /^Address = ([0-9.]+)/m.exec(file)?.[1] ?? '';
  await mkdir(join(lab.directory, 'client'), { recursive: true });
  await writeFile(join(lab.directory, 'client', 'repeater.conf'), file, { mode: 0o600 });
  const env = { WG_QUICK_USERSPACE_IMPLEMENTATION: 'wireguard-go' };
  await lab.exec('client', ['wg-quick', 'up', '/run/lab/client/repeater.conf'], { env });
  await eventually(() => lab.exec('host', ['ping', '-n', '-c1', '-W1', address4]), withinMs);
  // It comes to the page by itself.
  await eventually(async () => (await page.locator('[data-live=label]').textContent()) === 'Connected', withinMs);
  await lab.exec('host', ['ping', '-n', '-c', '20', '-i', '0.2', '-s', '1200', address4]);
  await eventually(
    async () => !/^0 B$/.test((await page.locator('[data-live=received]').textContent()) ?? ''),
    withinMs,
  );
  await page.locator('#plot').waitFor();
  await looked(page, 'lab-tunnel');
}, 120_000);

test('its key is rotated: the address moves with the first handshake of the new one [T6]', async () => {
  const before = await page.locator('dd.mono').last().textContent();
  await page.getByRole('button', { name: 'Make a new key' }).click();
  const [download] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('button', { name: 'Save repeater.conf' }).click(),
  ]);
  const next = await readFile(await download.path(), 'utf8');
  const env = { WG_QUICK_USERSPACE_IMPLEMENTATION: 'wireguard-go' };
  await lab.exec('client', ['wg-quick', 'down', '/run/lab/client/repeater.conf'], { env });
  await writeFile(join(lab.directory, 'client', 'repeater.conf'), next, { mode: 0o600 });
  await lab.exec('client', ['wg-quick', 'up', '/run/lab/client/repeater.conf'], { env });
  await eventually(() => lab.exec('host', ['ping', '-n', '-c1', '-W1', address4]), withinMs);
  const { tunnels } = await client.tunnels.listTunnels({});
  await eventually(async () => {
    const { tunnel } = await client.tunnels.getTunnel({ tunnel: tunnels[0]?.id ?? '' });
    return tunnel?.publicKey !== before?.trim() && tunnel?.nextPublicKey === '';
  }, withinMs);
}, 120_000);

test('deleted: gone from its page, from the console and from the internet', async () => {
  await page.goto(`${urls().public}/tunnels`);
  await page.getByRole('link', { name: 'repeater' }).click();
  await page.getByLabel('Type repeater to delete it').fill('repeater');
  await page.getByRole('button', { name: 'Delete the tunnel' }).click();
  await page.getByText('The tunnel is deleted').waitFor();
  await eventually(async () => {
    const { exitCode } = await lab.exec('host', ['ping', '-n', '-c1', '-W1', address4], { accept: [0, 1, 2] });
    return exitCode !== 0;
  }, withinMs);
  await desk.goto(`${urls().console}/tunnels`);
  await eventually(async () => {
    await desk.reload();
    return desk.getByText('No tunnel yet').isVisible();
  }, withinMs);
});

test('no secret of a person is in the log of pop44-web [S5]', async () => {
  const log = await readFile(join(lab.directory, 'log', 'web.log'), 'utf8');
  const privateKey = /^PrivateKey = (\S+)$/m.exec(file)?.[1] ?? 'none';
  for (const secret of [goodPassword, privateKey, 'ada@example.org']) expect(log).not.toContain(secret);
});
