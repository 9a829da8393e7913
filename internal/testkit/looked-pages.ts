// Looked pages: what is asked of every page that a test opens in a browser.

import type { Page } from 'playwright-core';
import { expect } from 'vitest';
import { axeProblems, isTooWide, picture, pushedSideways, smallTargets, widths } from './chromium.ts';

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

/** Narrower than any phone that is sold: WCAG 1.4.10 asks for it. */
const narrow = { width: 320, height: 640 } as const;

/**
 * Well made: axe has nothing against it, light and on a desk, dark and on a phone; there everything is read without pushing
 * anything aside, and pressed with a finger. And there is a picture of it for who wants to look.
 */
export async function looked(at: Page, name: string): Promise<void> {
  await picture(at, name);
  const found = [...(await axeProblems(at)), ...(await pushedSideways(at))];
  await at.emulateMedia({ colorScheme: 'dark' });
  for (const size of [widths.phone, narrow]) {
    await at.setViewportSize(size);
    const problems = [...(await pushedSideways(at)), ...(await smallTargets(at))];
    if (await isTooWide(at)) problems.unshift('the page is wider than its window');
    found.push(...problems.map((problem) => `at ${size.width} px: ${problem}`));
  }
  found.push(...(await axeProblems(at)).map((problem) => `dark, at ${narrow.width} px: ${problem}`));
  await at.emulateMedia({ colorScheme: null });
  await at.setViewportSize(widths.desk);
  // What is wrong with the next page is told in the same run.
  expect.soft(found, name).toEqual([]);
}
