import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { findContext, writeBearer } from '#internal/client/client.ts';
import { cli } from '#internal/testkit/cli-world.ts';
import { recorder } from '#internal/testkit/recorder.ts';

let folder: string;
let env: Readonly<Record<string, string>>;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'context-'));
  env = { HOME: folder };
  const context = {
    ca: 'ca.pem',
    certificate: 'a.pem',
    key: 'a.key',
    daemons: [{ node: 'p1', address: 'p1.example:4440' }],
  };
  mkdirSync(join(folder, 'given'));
  writeFileSync(join(folder, 'given', 'club.json'), JSON.stringify(context));
});
afterEach(() => rmSync(folder, { recursive: true }));

const run = (line: string) => cli(recorder().client, line, { env });
const found = (more: object = {}) => findContext({ env: { ...env, ...more }, uid: 4_000_000_000 });

test('a context is kept, used, asked for by name and forgotten', async () => {
  expect((await run('context list')).stdout).toBe('');
  expect((await run(`context add club ${folder}/given/club.json`)).code).toBe(0);
  expect((await run('context list')).stdout).toBe('\tclub\tp1=p1.example:4440\n');
  expect(() => found()).toThrow('no lab is running');
  expect((await run('context use club')).code).toBe(0);
  expect((await run('context list')).stdout).toBe('*\tclub\tp1=p1.example:4440\n');
  // Where the file came from is not asked for any more; its paths are still those beside it.
  rmSync(join(folder, 'given', 'club.json'));
  expect(found()).toMatchObject({ key: join(folder, 'given', 'a.key'), daemons: [{ node: 'p1' }] });
  expect(statSync(join(folder, '.config', 'pop44', 'contexts', 'club.json')).mode & 0o777).toBe(0o600);
  expect((await run('context use --none')).code).toBe(0);
  expect(() => found()).toThrow('no lab is running');
  expect(found({ POP44_CONTEXT: 'club' })).toMatchObject({ daemons: [{ node: 'p1' }] });
  await run('context use club');
  expect((await run('context delete club')).code).toBe(0);
  expect((await run('context list')).stdout).toBe('');
  expect(() => found()).toThrow('no lab is running');
});

test('with its name a login goes, and one that another network had under that name is not used [S5]', async () => {
  const loginFile = join(folder, '.config', 'pop44', 'contexts', 'club.json.login');
  await run(`context add club ${folder}/given/club.json`);
  writeBearer(loginFile, `pop44_${'a'.repeat(43)}`);
  await run('context delete club');
  expect(existsSync(loginFile)).toBe(false);
  // Left behind by a hand that took the context's file away alone.
  writeBearer(loginFile, `pop44_${'a'.repeat(43)}`);
  await run(`context add club ${folder}/given/club.json`);
  expect(existsSync(loginFile)).toBe(false);
  // Adding what is there already is refused, and takes nothing away.
  writeBearer(loginFile, `pop44_${'a'.repeat(43)}`);
  expect((await run(`context add club ${folder}/given/club.json`)).code).toBe(1);
  expect(existsSync(loginFile)).toBe(true);
});

test('what is in use and gone is said, and nothing else is spoken to', async () => {
  await run(`context add club ${folder}/given/club.json`);
  await run('context use club');
  rmSync(join(folder, '.config', 'pop44', 'contexts', 'club.json'));
  expect(() => found()).toThrow('the context in use, "club", is gone');
});

test.each([
  ['use nobody', 1, 'there is no context "nobody" (there are: club)'],
  ['use', 2, 'which one? Give its name, or --none'],
  ['use club --none', 2, 'which one?'],
  ['delete ../../given/club', 1, 'there is no context'],
  ['add club FILE', 1, 'there is a context club already'],
  ['add Club FILE', 1, 'is no name'],
  ['add ../x FILE', 1, 'is no name'],
  ['add other /nowhere', 1, '/nowhere: cannot be read'],
])('context %s is told as what it is, and changes nothing', async (words, code, says) => {
  await run(`context add club ${folder}/given/club.json`);
  const before = (await run('context list')).stdout;
  const ran = await run(`context ${words.replace('FILE', `${folder}/given/club.json`)}`);
  expect([ran.code, ran.stderr]).toEqual([code, expect.stringContaining(says)]);
  expect((await run('context list')).stdout).toBe(before);
  expect(readFileSync(join(folder, 'given', 'club.json'), 'utf8')).toContain('p1.example');
});
