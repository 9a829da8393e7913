// Web: what the pages weigh, how long the console with 10,000 tunnels lets one wait, in Chromium, and what 500 open pages cost
// daemons, on a store in memory.

import type { Browser, Page } from 'playwright-core';
import { Fault } from '#internal/errors/errors.ts';
import { goodPassword } from '#internal/testkit/accounts.ts';
import { newVisitor, startChromium } from '#internal/testkit/chromium.ts';
import { eventually } from '#internal/testkit/eventually.ts';
import { publicKey } from '#internal/testkit/requests.ts';
import { type WebScene, webScene } from '#internal/testkit/web-scene.ts';
import { livePages } from './live-pages.ts';
import type { BenchOptions } from './main.ts';
import { type Figures, figure, median, quantile } from './report.ts';

const atOnce = 64;

async function chromium(): Promise<Browser> {
  try {
    return await startChromium();
  } catch (cause) {
    throw new Fault('bench', 'chromium does not start (Debian package chromium)', cause);
  }
}

/** IPv6 alone: a lab's pool of IPv4 is too small for so many. */
async function fill({ client }: WebScene, count: number): Promise<void> {
  const one = (at: number) =>
    client.tunnels.createTunnel({ name: `station-${at}`, publicKey: publicKey(), wishes: [{ family: 6 }] });
  for (let at = 0; at < count; at += atOnce)
    await Promise.all(Array.from({ length: Math.min(atOnce, count - at) }, (_, index) => one(at + index)));
}

/** Bytes that come over the wire for what is done meanwhile, headers too. */
async function bytesOf(page: Page, work: () => Promise<unknown>): Promise<number> {
  const session = await page.context().newCDPSession(page);
  await session.send('Network.enable');
  let bytes = 0;
  session.on('Network.loadingFinished', ({ encodedDataLength }) => {
    bytes += encodedDataLength;
  });
  await work();
  await session.detach();
  return bytes;
}

/** Of a page that a browser has never seen: milliseconds from the click until there is something to read. */
const paintOf = (page: Page): Promise<number> =>
  eventually(
    () => page.evaluate<number | undefined>(`performance.getEntriesByName('first-contentful-paint')[0]?.startTime`),
    10_000,
  );

/** From then on, pages of the visitor note when rows of their list stand on the screen. */
const noteRows = async (page: Page): Promise<void> => {
  await page.addInitScript(`(() => {
    const look = () => {
      const isThere = document.querySelector('#rows tr')?.getBoundingClientRect().height > 0;
      // The frame in which they are has been handed over when the next one begins.
      if (isThere) requestAnimationFrame(() => { window.rowsAt ??= performance.now(); });
      else requestAnimationFrame(look);
    };
    requestAnimationFrame(look);
  })()`);
};
/** The same until there are rows of what was asked for: what a person came for. */
const rowsOf = (page: Page): Promise<number> =>
  eventually(() => page.evaluate<number | undefined>('window.rowsAt'), 10_000);

/** Milliseconds from a key until the table shows what it finds. */
async function keystroke(page: Page, key: string): Promise<number> {
  await page.evaluate(`void (window.found = new Promise((resolve) => {
    let began;
    document.querySelector('#q').addEventListener('input', () => { began = performance.now(); }, { once: true, capture: true });
    new MutationObserver((_, observer) => {
      observer.disconnect();
      requestAnimationFrame(() => setTimeout(() => resolve(performance.now() - began)));
    }).observe(document.querySelector('#rows'), { childList: true });
  }))`);
  await page.locator('#q').press(key);
  return page.evaluate<number>('window.found');
}

export async function web({ quick, runs, say }: BenchOptions): Promise<Figures> {
  const count = quick ? 1_000 : 10_000;
  const pages = quick ? 100 : 500;
  const scene = await webScene({ workBits: 18 });
  const browser = await chromium();
  try {
    const stranger = await (await newVisitor(browser)).newPage();
    const signUpBytes = await bytesOf(stranger, () => stranger.goto(scene.publicUrl, { waitUntil: 'networkidle' }));
    const live = await livePages(scene, pages, say);
    await fill(scene, count);
    say(`${count} tunnels`);
    await scene.client.people.bootstrap({ callsign: 'OE1ADM', email: 'adm@example.org', password: goodPassword });
    const [paints, rows, keys, weights]: number[][] = [[], [], [], []];
    for (let at = 0; at < 3 * runs; at += 1) {
      const visitor = await newVisitor(browser);
      const page = await visitor.newPage();
      await page.goto(`${scene.consoleUrl}/login`);
      await page.getByLabel('Callsign or e-mail').fill('OE1ADM');
      await page.getByLabel('Password').fill(goodPassword);
      await page.getByRole('button', { name: 'Log in' }).click();
      await page.getByRole('heading', { name: 'Overview' }).waitFor();
      await noteRows(page);
      const go = () => page.goto(`${scene.consoleUrl}/tunnels`, { waitUntil: 'load' });
      weights?.push(await bytesOf(page, go));
      const paint = await paintOf(page);
      paints?.push(paint);
      // They are drawn in the first frame or a later one.
      rows?.push(Math.max(paint, await rowsOf(page)));
      for (const key of 'station-99') keys?.push(await keystroke(page, key));
      await visitor.close();
    }
    return {
      signup_bytes: figure(signUpBytes, 'B', '<= 60000'),
      console_bytes: figure(Math.max(...(weights ?? [])), 'B', '<= 200000', weights),
      [`first_paint_ms_${count}`]: figure(median(paints ?? []), 'ms', '', paints),
      [`first_rows_ms_${count}`]: figure(median(rows ?? []), 'ms', '<= 1500', rows),
      keystroke_ms: figure(quantile(keys ?? [], 0.95), 'ms', '<= 100', keys),
      ...live,
    };
  } finally {
    await browser.close();
    await scene[Symbol.asyncDispose]();
  }
}
