import { rm } from 'node:fs/promises';
import { afterAll, expect, test } from 'vitest';
import { shortForm, shortFormDirectory, shortFormTimeoutMs } from './short-form.ts';

afterAll(() => rm(shortFormDirectory, { recursive: true, force: true }));

test(
  'whatever fails, no address is given twice and nothing acknowledged is lost [A1] [A2] [A6] [A7] [N6] [N12] [P3]',
  async () => {
    const { broken, again } = await shortForm('mixed');
    expect(broken, again).toEqual([]);
  },
  shortFormTimeoutMs,
);
