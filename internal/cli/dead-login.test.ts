import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { readBearer, writeBearer } from '#internal/client/client.ts';
import { goodPassword } from '#internal/testkit/accounts.ts';
import { cli } from '#internal/testkit/cli-world.ts';
import { peopleNetwork } from '#internal/testkit/people-network.ts';
import { recorder } from '#internal/testkit/recorder.ts';
import { processIo } from './cli.ts';

const folder = mkdtempSync(join(tmpdir(), 'pop44-cli-'));
const world = await peopleNetwork();
afterAll(async () => {
  await world[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true });
});
const { network, a, box, people } = world;

const context = join(folder, 'context.json');
writeFileSync(join(folder, 'ca.pem'), network.ca);
writeFileSync(context, JSON.stringify({ ca: 'ca.pem', daemons: [{ node: 'p1', address: a.publicAddress }] }));
const loginFile = `${context}.login`;
const dead = `pop44_${'d'.repeat(43)}`;
/** As a process does, by what lies beside the context. */
const run = (line: string, stdin = goodPassword) =>
  cli(recorder().client, `--context ${context} ${line}`, { stdin, openClient: processIo().openClient });

test('a login that has ended keeps nobody from signing up, verifying, logging in and a reset [S3] [P2]', async () => {
  writeBearer(loginFile, dead);
  expect(await run('whoami')).toMatchObject({ code: 3 });
  const said = async (line: string, stdin?: string) => {
    const { code, stderr } = await run(line, stdin);
    expect([line, code], stderr).toEqual([line, 0]);
  };
  const codeTo = async (subject: string) =>
    Buffer.from(await box.secretTo('ded@example.org', subject)).toString('base64url');
  await said('account sign-up OE1DED ded@example.org --password-file -');
  await said('account verify --code-file -', await codeTo('confirm your address'));
  await people().approveUser({ user: 'OE1DED' });
  await said('account reset ded@example.org');
  const code = join(folder, 'code');
  writeFileSync(code, await codeTo('set another password'));
  await said(`account reset --code-file ${code} --password-file -`);
  expect(readBearer(loginFile)).toBe(dead);
  await said('login OE1DED --password-file -');
  expect(readBearer(loginFile)).not.toBe(dead);
  expect((await run('whoami')).stdout).toContain('OE1DED');
  // Revoked elsewhere.
  await people().revokeLogin({ user: 'OE1DED' });
  await said('logout');
  expect(readBearer(loginFile)).toBeUndefined();
});
