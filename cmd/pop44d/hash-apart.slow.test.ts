import { readdirSync, readFileSync } from 'node:fs';
import { getPriority } from 'node:os';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import { realClock } from '#internal/clock/clock.ts';
import { argon } from '#internal/password/password.ts';
import { hashApart } from './hash-apart.ts';

const pop44d = [process.execPath, fileURLToPath(new URL('main.ts', import.meta.url))];
const password = 'fifteen or more 🚲';

function apart(program: readonly string[]) {
  const told: string[] = [];
  const made = hashApart({ program, failed: (reason) => told.push(reason), clock: realClock });
  onTestFinished(() => made.close());
  return { ...made, told };
}

/** Our children that hash. */
const hashing = (): readonly number[] =>
  readdirSync('/proc')
    .map(Number)
    .filter((pid) => {
      try {
        const [, parent] = /\) \S (\d+)/.exec(readFileSync(`/proc/${pid}/stat`, 'latin1')) ?? [];
        return Number(parent) === process.pid && readFileSync(`/proc/${pid}/cmdline`, 'latin1').includes('\0hash\0');
      } catch {
        return false;
      }
    });

test('passwords are hashed by a process that comes after others, and by another one when it has died [S3]', async () => {
  const { hash, verify, told } = apart(pop44d);
  const hashes = await Promise.all([hash(password), hash(password)]);
  expect(new Set(hashes).size).toBe(2);
  const [pid = 0, ...more] = hashing();
  expect([more, getPriority(pid)]).toEqual([[], 19]);
  expect(await argon.verify(hashes[0], password)).toBe(true);
  const asked = verify(hashes[1], password);
  process.kill(pid, 'SIGKILL');
  expect(await asked).toBe(true);
  expect(await verify(hashes[1], `${password} `)).toBe(false);
  expect(await verify('no hash', password)).toBe(false);
  expect(hashing()).not.toContain(pid);
  expect(told).toEqual([]);
}, 30_000);

test('where there can be no such process this one hashes, and says so once', async () => {
  const { hash, verify, told } = apart(['/bin/false']);
  const made = await hash(password);
  expect(await verify(made, password)).toBe(true);
  expect(told).toEqual([expect.stringContaining('exit code 1')]);
}, 30_000);
