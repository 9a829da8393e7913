import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { realClock } from '#internal/clock/clock.ts';
import { eventually } from '#internal/testkit/eventually.ts';
import { followFiles, versionOf } from './followed-files.ts';

const directory = mkdtempSync(join(tmpdir(), 'pop44-followed-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));
const clock = { ...realClock, sleep: (_: number, signal?: AbortSignal) => realClock.sleep(1, signal) };

test('a file that is gone, unreadable or half written ends nothing; the next good one is taken', async () => {
  const file = join(directory, 'web.pem');
  writeFileSync(file, 'one');
  const taken: string[] = [];
  const warned: string[] = [];
  let fails = false;
  const take = (): void => {
    if (fails) throw new Error('half written');
    taken.push('taken');
  };
  const log = { info: () => {}, warn: (event: string) => warned.push(event), error: () => {} };
  const ended = new AbortController();
  const version = versionOf([file]);
  const following = followFiles([file], take, { clock, log, signal: ended.signal, version });
  fails = true;
  rmSync(file);
  await eventually(() => warned.length > 0, 5_000);
  // As long as it does not work it is tried again.
  const before = warned.length;
  await eventually(() => warned.length > before, 5_000);
  // A name that no file system has cannot be looked at at all.
  expect(() => versionOf([join(directory, 'x'.repeat(300))])).not.toThrow();
  fails = false;
  writeFileSync(file, 'two');
  await eventually(() => taken.length > 0, 5_000);
  ended.abort();
  await following;
});
