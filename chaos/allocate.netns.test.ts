import { rm } from 'node:fs/promises';
import { afterAll, expect, test } from 'vitest';
import { shortForm, shortFormDirectory, shortFormTimeoutMs } from './short-form.ts';

afterAll(() => rm(shortFormDirectory, { recursive: true, force: true }));

test(
  'whatever fails, no address is given twice and no acknowledged allocation is lost [A1] [A2] [A6] [A7] [N12]',
  async () => {
    const { broken, again } = await shortForm('allocate');
    expect(broken, again).toEqual([]);
  },
  shortFormTimeoutMs,
);
