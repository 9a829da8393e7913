import { hash } from 'node:crypto';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { readBearer, writeBearer } from '#internal/client/client.ts';
import { refuse } from '#internal/errors/errors.ts';
import { Refused } from '#internal/rpc/rpc.ts';
import { cli } from '#internal/testkit/cli-world.ts';
import { recorder } from '#internal/testkit/recorder.ts';

const folder = mkdtempSync(join(tmpdir(), 'pop44-cli-'));
afterAll(() => rmSync(folder, { recursive: true }));
const at = (name: string): string => join(folder, name);
const contextFile = at('context.json');
writeFileSync(
  contextFile,
  JSON.stringify({ ca: 'ca.pem', certificate: 'a.pem', key: 'a.key', daemons: [{ node: 'p1', address: '[::1]:1' }] }),
);
const loginFile = `${contextFile}.login`;
const password = 'correct horse battery staple';
writeFileSync(at('password'), `${password}\n`);
const code = Buffer.alloc(32, 7).toString('base64url');
writeFileSync(at('code'), `${code}\n`);
const secret = new Uint8Array(32).fill(7);
const change = {};

const lines: readonly (readonly [line: string, method: string, request: object, typed?: readonly string[]])[] = [
  [
    `account sign-up OE1XYZ a@example.org --password-file ${at('password')}`,
    'signUp',
    { callsign: 'OE1XYZ', email: 'a@example.org', password },
  ],
  [
    'account sign-up OE1XYZ a@example.org',
    'signUp',
    { callsign: 'OE1XYZ', email: 'a@example.org', password },
    [password, password],
  ],
  [`account verify --code-file ${at('code')}`, 'verify', { secret: Buffer.from(secret) }],
  ['account verify', 'verify', { secret: Buffer.from(secret) }, [`https://connect.example.org/verify#${code}`]],
  ['account reset a@example.org', 'requestReset', { email: 'a@example.org' }],
  [
    `account reset --code-file ${at('code')} --password-file ${at('password')}`,
    'reset',
    { secret: Buffer.from(secret), password },
  ],
  [
    `account password --password-file ${at('password')} --new-password-file ${at('password')}`,
    'changePassword',
    { oldPassword: password, newPassword: password },
  ],
  ['account delete --yes', 'deleteUser', {}],
  ['login list --user OE1XYZ', 'listLogins', { user: 'OE1XYZ' }],
  ['login revoke abcdef0123456789', 'revokeLogin', { user: '', id: 'abcdef0123456789' }],
  ['login revoke --all', 'revokeLogin', { user: '', id: '' }],
  ['whoami', 'whoAmI', {}],
  ['token list', 'listTokens', { user: '' }],
  ['token revoke ci --user OE1XYZ', 'revokeToken', { user: 'OE1XYZ', token: 'ci' }],
  ['user list --state pending', 'listUsers', { state: 1, pageSize: 1_000, pageToken: '' }],
  ['user get OE1XYZ', 'getUser', { user: 'OE1XYZ' }],
  ['user approve OE1XYZ --etag 7', 'approveUser', { change: { etag: '7' }, user: 'OE1XYZ' }],
  ['user reinstate OE1XYZ', 'reinstateUser', { change, user: 'OE1XYZ' }],
  ['user delete OE1XYZ --dry-run', 'deleteUser', { change: { dryRun: true }, user: 'OE1XYZ' }],
  [
    'user role OE1XYZ regional-admin --pop p1 --pop p2',
    'setUserRole',
    { change, user: 'OE1XYZ', role: 2, popIds: ['p1', 'p2'] },
  ],
  ['user role OE1XYZ global-admin', 'setUserRole', { change, user: 'OE1XYZ', role: 3, popIds: [] }],
  [
    'network sign-up open --public-url https://connect.example.org',
    'setSignUp',
    { change, policy: 2, publicUrl: 'https://connect.example.org' },
  ],
  ['network sign-up --public-url=', 'setSignUp', { change, policy: 0, publicUrl: '' }],
  [
    `admin bootstrap OE1ADM adm@example.org --password-file ${at('password')}`,
    'bootstrap',
    { callsign: 'OE1ADM', email: 'adm@example.org', password },
  ],
  ['admin mails', 'listMails', {}],
];
// A login that is kept here may have ended, and would be all that the daemon looks at.
const forStrangers: ReadonlySet<string> = new Set(['signUp', 'verify', 'requestReset', 'reset']);
test.each(lines)('%s', async (...row) => {
  const [line, method, request, typed = []] = row as unknown as (typeof lines)[number];
  const { client, sent } = recorder();
  const { code: exit, stderr, where } = await cli(client, line, { typed });
  expect([exit, stderr.includes(password)], stderr).toEqual([0, false]);
  expect(where?.anonymous === true).toBe(forStrangers.has(method));
  expect(sent).toMatchObject([{ method, request }]);
});

test('user suspend wants a reason', async () => {
  const { client, sent } = recorder();
  expect((await cli(client, 'user suspend OE1XYZ')).code).toBe(2);
  expect((await cli(client, ['user', 'suspend', 'OE1XYZ', '--reason', 'sends spam'])).code).toBe(0);
  expect(sent).toMatchObject([{ method: 'suspendUser', request: { user: 'OE1XYZ', reason: 'sends spam' } }]);
});

test('login keeps a secret that only its owner can read, and tells the daemon its hash alone [S5]', async () => {
  const { client, sent } = recorder({ login: { login: { id: 'x' } } });
  const line = `--context ${contextFile} login OE1XYZ --password-file -`;
  const { code: exit, stdout, stderr } = await cli(client, line, { stdin: `${password}\nand more` });
  expect([exit, stdout]).toEqual([0, '']);
  expect(statSync(loginFile).mode & 0o777).toBe(0o600);
  const bearer = readBearer(loginFile) ?? '';
  const bytes = Buffer.from(bearer.slice('pop44_'.length), 'base64url');
  expect(sent).toMatchObject([
    {
      method: 'login',
      request: { name: 'OE1XYZ', password, secretHash: hash('sha256', bytes, 'buffer'), label: 'pop44 0.0.0-test' },
    },
  ]);
  expect(stderr).not.toContain(bearer);
  // Again, by questions: the old one is replaced.
  await cli(client, `--context ${contextFile} login`, { typed: ['OE1XYZ', password] });
  expect(readBearer(loginFile)).not.toBe(bearer);
});

test('a login that is refused leaves the file as it was', async () => {
  const before = readFileSync(loginFile, 'utf8');
  const wrong = new Refused(
    refuse('unauthenticated', {
      field: 'password',
      problem: 'is not the one of this name',
      cure: 'pop44 account reset sets another',
    }),
  );
  const ran = await cli(recorder({ login: wrong }).client, `--context ${contextFile} login OE1XYZ`, {
    typed: ['wrong'],
  });
  expect(ran.code).toBe(3);
  expect(ran.stderr).toContain('pop44 account reset');
  expect(readFileSync(loginFile, 'utf8')).toBe(before);
});

test('logout ends the login and forgets it, also one that had ended already', async () => {
  const { client, sent } = recorder();
  expect((await cli(client, `--context ${contextFile} logout`)).code).toBe(0);
  expect(sent.map(({ method }) => method)).toEqual(['logout']);
  expect(existsSync(loginFile)).toBe(false);
  expect(await cli(client, `--context ${contextFile} logout`)).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('nobody is logged in here') as unknown,
  });
});

test.each([
  ['of no login any more', { field: 'authorization', problem: 'is of no login', cure: 'pop44 login' }],
  ['one that has run out', { problem: 'the login has ended', cure: 'pop44 login' }],
])('logout forgets %s', async (_, about) => {
  writeBearer(loginFile, `pop44_${'a'.repeat(43)}`);
  const ended = new Refused(refuse('unauthenticated', about));
  const ran = await cli(recorder({ logout: ended }).client, `--context ${contextFile} logout`);
  expect(ran).toMatchObject({ code: 0, stderr: 'the login had ended already\n' });
  expect(existsSync(loginFile)).toBe(false);
});

test('logout that is refused for another reason keeps the login', async () => {
  writeBearer(loginFile, `pop44_${'a'.repeat(43)}`);
  const busy = new Refused(refuse('busy', { problem: 'too much', cure: 'retry in 1 s' }));
  expect((await cli(recorder({ logout: busy }).client, `--context ${contextFile} logout`)).code).toBe(3);
  expect(existsSync(loginFile)).toBe(true);
});

test('a secret file that others can read, or that holds something else, is not used [S5]', () => {
  const file = at('loose');
  writeFileSync(file, 'pop44_x', { mode: 0o644 });
  expect(() => readBearer(file)).toThrow(/chmod 600/);
  chmodSync(file, 0o600);
  expect(() => readBearer(file)).toThrow(/holds no login/);
  expect(readBearer(at('nowhere'))).toBeUndefined();
});

test('token create shows its secret once, or writes it for its owner alone; a refusal leaves no file [S5]', async () => {
  const { client, sent } = recorder();
  const shown = await cli(client, 'token create ci --scope read --scope tunnels --days 7');
  expect(shown.stdout).toMatch(/^pop44_[A-Za-z0-9_-]{43}\n$/);
  expect(sent).toMatchObject([
    { method: 'createToken', request: { name: 'ci', scopes: ['read', 'tunnels'], validDays: 7 } },
  ]);
  const written = await cli(client, `token create ci --scope read --file ${at('token')}`);
  expect([written.code, written.stdout]).toEqual([0, '']);
  expect(statSync(at('token')).mode & 0o777).toBe(0o600);
  expect((await cli(client, `token create ci --scope read --file ${at('token')}`)).code).toBe(2);
  const no = new Refused(refuse('invalid', { field: 'scopes', value: 'x', problem: 'is no scope', cure: 'read' }));
  expect(
    (await cli(recorder({ createToken: no }).client, `token create ci --scope x --file ${at('token2')}`)).code,
  ).toBe(3);
  expect(existsSync(at('token2'))).toBe(false);
});

test.each([
  ['account sign-up OE1XYZ a@example.org', ['one password here', 'another password'], 'the two passwords differ'],
  ['account verify', ['not a code'], 'that is no code'],
  ['account reset a@example.org --code-file x', [], 'an address asks for a code'],
  [`account verify --code-file ${at('nowhere')}`, [], 'cannot be read (ENOENT)'],
  ['login revoke', [], 'give an id, or --all'],
  ['account delete', [], "required option '--yes'"],
  ['user role OE1XYZ king', [], 'one of user, regional-admin'],
  ['user list --state gone', [], 'one of pending, active'],
])('%s asks for what makes no sense', async (line, typed, says) => {
  const { client, sent } = recorder();
  const { code: exit, stderr } = await cli(client, line, { typed });
  expect([exit, stderr.toLowerCase()]).toEqual([2, expect.stringContaining(says.toLowerCase())]);
  expect(sent).toEqual([]);
});
