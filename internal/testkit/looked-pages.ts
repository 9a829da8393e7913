// Looked pages: what is asked of every page that a test opens in a browser.

import type { Page } from 'playwright-core';
import { expect } from 'vitest';
import { axeProblems, isTooWide, picture, pushedSideways, widths } from './chromium.ts';

export interface LookedPages {
  /** Nothing on a page runs that we have not sent, and nothing is refused by the policy that we have sent: a line for each that was. */
  readonly problems: readonly string[];
  watch(of: Page): Page;
}

export function lookedPages(): LookedPages {
  const problems: string[] = [];
  return {
    problems,
    watch(of) {
      of.on('console', (message) => {
        if (message.type() === 'error' && !/status of 4\d\d/.test(message.text())) problems.push(message.text());
      });
      of.on('pageerror', (error) => problems.push(error.message));
      of.on('dialog', (dialog) => {
        if (dialog.type() !== 'beforeunload') problems.push(`a dialog: ${dialog.message()}`);
        void dialog.accept();
      });
      return of;
    },
  };
}

/** Well made: axe has nothing against it, it fits a phone, and there is a picture of it for who wants to look. */
export async function looked(at: Page, name: string): Promise<void> {
  expect(await axeProblems(at), name).toEqual([]);
  await at.setViewportSize({ width: 320, height: 640 });
  expect(await isTooWide(at), `${name} at 320 px`).toBe(false);
  await at.setViewportSize(widths.desk);
  await picture(at, name);
}

/** On a phone everything is there without pushing a table aside. */
export async function readsWhole(at: Page, name: string): Promise<void> {
  for (const width of [320, widths.phone.width]) {
    await at.setViewportSize({ width, height: 640 });
    expect(await pushedSideways(at), `${name} at ${width} px`).toEqual([]);
  }
  await at.setViewportSize(widths.desk);
}
