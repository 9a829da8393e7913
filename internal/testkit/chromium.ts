// Chromium: Debian's, driven as a person would: by what is to be read and pressed.

import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type Browser, type BrowserContext, type BrowserContextOptions, chromium, type Page } from 'playwright-core';

/** In a sandbox its own has no place, and /dev/shm may be small. */
const switches = ['--no-sandbox', '--disable-dev-shm-usage', '--disable-gpu', '--disable-background-networking'];

export const startChromium = (): Promise<Browser> =>
  chromium.launch({
    executablePath: process.env['POP44_CHROMIUM'] ?? '/usr/bin/chromium',
    args: switches,
    env: { ...process.env, HOME: '/tmp' } as Record<string, string>,
  });

export const widths = { phone: { width: 360, height: 740 }, desk: { width: 1280, height: 800 } } as const;

/** A browser of nobody, that trusts the lab's certificate; what moves is where it will be. */
export const newVisitor = (browser: Browser, options: BrowserContextOptions = {}): Promise<BrowserContext> =>
  browser.newContext({ ignoreHTTPSErrors: true, viewport: widths.desk, reducedMotion: 'reduce', ...options });

interface Violation {
  readonly id: string;
  readonly nodes: readonly { readonly html: string; readonly failureSummary?: string }[];
}

/** What axe has against a page, a line each. */
export async function axeProblems(page: Page): Promise<readonly string[]> {
  const { default: axe } = await import('axe-core');
  await page.evaluate(axe.source);
  const violations = await page.evaluate<readonly Violation[]>(
    '(async () => (await axe.run(document, { resultTypes: ["violations"] })).violations)()',
  );
  return violations.flatMap(({ id, nodes }) =>
    nodes.map((node) => `${id}: ${node.html}: ${node.failureSummary ?? ''}`),
  );
}

/** Pictures of a page at both widths, light and dark, in the directory that POP44_SCREENSHOTS names. */
export async function picture(page: Page, name: string): Promise<void> {
  const directory = process.env['POP44_SCREENSHOTS'] ?? '';
  if (directory === '') return;
  await mkdir(directory, { recursive: true });
  const before = page.viewportSize() ?? widths.desk;
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme });
    for (const [width, size] of Object.entries(widths)) {
      await page.setViewportSize(size);
      await page.screenshot({ path: join(directory, `${name}-${width}-${colorScheme}.png`), fullPage: true });
    }
  }
  await page.emulateMedia({ colorScheme: null });
  await page.setViewportSize(before);
}

/** Whether something makes the page wider than the window. */
export const isTooWide = (page: Page): Promise<boolean> =>
  page.evaluate<boolean>('document.documentElement.scrollWidth > document.documentElement.clientWidth');

/** Names of regions that have to be pushed sideways to be read whole. */
export const pushedSideways = (page: Page): Promise<readonly string[]> =>
  page.evaluate<readonly string[]>(
    '[...document.querySelectorAll(".scroll")].filter((each) => each.scrollWidth > each.clientWidth).map((each) => each.textContent)',
  );

/**
 * What is too small for a finger, a line each: buttons, fields and ways of navigation below 44 px in height (WCAG 2.5.5), other
 * targets below 24 px (2.5.8), which both let links within a text be. A box to tick is as large as its label.
 */
export const smallTargets = (page: Page): Promise<readonly string[]> =>
  page.evaluate<readonly string[]>(`(() => {
    const large = 'button, .button, select, textarea, summary, input, nav a';
    const isInText = (target) => {
      const block = target.closest('h1, h2, h3, p, li, dd, small, div');
      return !target.matches('nav *') && block !== null && block.textContent.trim() !== target.textContent.trim();
    };
    return [...document.querySelectorAll('a[href], button, input:not([type=hidden]), select, textarea, summary')].flatMap((target) => {
      const shown = target.matches('[type=radio], [type=checkbox]') ? target.closest('label') : target;
      const { width, height, right } = shown.getBoundingClientRect();
      const isThere = shown.checkVisibility({ visibilityProperty: true }) && right > 0;
      // A drawing's parts have another way to the same, which is why nothing but a pointer finds them.
      if (!isThere || target.closest('svg') !== null || (target.matches('a, .link') && isInText(target))) return [];
      const [least, wide] = target.matches(large) ? [44, 24] : [24, 24];
      return height >= least - 0.5 && width >= wide - 0.5 ? [] : [target.outerHTML.slice(0, 120) + ': ' + width + ' x ' + height];
    });
  })()`);

/** The text of the QR code in an image of the page, as a phone would read it: from its pixels. */
export async function readQr(page: Page, selector: string): Promise<string> {
  const { default: jsQr } = await import('jsqr');
  const side = 480;
  const drawn = await page.evaluate<string>(`(async () => {
    const image = document.querySelector(${JSON.stringify(selector)});
    await image.decode();
    const canvas = Object.assign(document.createElement('canvas'), { width: ${side}, height: ${side} });
    const context = canvas.getContext('2d');
    context.drawImage(image, 0, 0, ${side}, ${side});
    const { data } = context.getImageData(0, 0, ${side}, ${side});
    let text = '';
    for (let at = 0; at < data.length; at += 8192) text += String.fromCharCode(...data.subarray(at, at + 8192));
    return btoa(text);
  })()`);
  const read = jsQr as unknown as (data: Uint8ClampedArray, width: number, height: number) => { data: string } | null;
  return read(Uint8ClampedArray.from(Buffer.from(drawn, 'base64')), side, side)?.data ?? '';
}
