//   https requests by hand -- https --> pop44-web --> an API on a store in memory

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { goodPassword } from '#internal/testkit/accounts.ts';
import { publicKey } from '#internal/testkit/requests.ts';
import { formType, newAccount, type Said, siteAsks } from '#internal/testkit/site-asks.ts';
import { type WebScene, webScene } from '#internal/testkit/web-scene.ts';
import { changesAMinute } from './guard.ts';
import { nextPage } from './site.ts';

let scene: WebScene;
beforeAll(async () => {
  scene = await webScene();
  // Scripts are bundled, on a machine that others use too.
}, 30_000);
afterAll(() => scene[Symbol.asyncDispose]());

const { ask, visited, post, logIn } = siteAsks(() => scene);

test('each answer bears what keeps others out', async () => {
  for (const path of ['/', '/login', '/nowhere', '/assets/nothing.js']) {
    const { headers } = await ask(path);
    const policy = headers['content-security-policy'] ?? '';
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("frame-ancestors 'none'");
    expect(policy).not.toContain('unsafe');
    expect(headers).toMatchObject({ 'x-frame-options': 'DENY', 'x-content-type-options': 'nosniff' });
    expect(headers['cache-control']).toBe('no-store');
  }
});

test('a cookie is for this host, by TLS, and no script sees it', async () => {
  const { headers } = await ask('/');
  expect(headers['set-cookie']).toHaveLength(1);
  expect(headers['set-cookie']?.[0]).toMatch(/^__Host-pop44form=[\w-]{43}; Path=\/; HttpOnly; Secure; SameSite=Lax$/);
});

test('no page has a script, a style or a handler in it', async () => {
  for (const path of ['/', '/login', '/verify', '/reset', '/forgot']) {
    const { text } = await ask(path);
    expect(text).not.toMatch(/<script(?! type="module" src="\/assets\/)|<style|\son\w+=|\sstyle=|javascript:/);
  }
});

test('the sign-up page is small, with everything that it needs', async () => {
  const { text } = await ask('/');
  const paths = [...text.matchAll(/(?:href|src)="(\/assets\/[^"]+)"/g)].map(([, path = '']) => path);
  let bytes = text.length;
  for (const path of paths) {
    const { status, headers, text: asset } = await ask(path);
    expect(status).toBe(200);
    expect(headers['cache-control']).toBe('public, max-age=31536000, immutable');
    bytes += asset.length;
    for (const [, part = ''] of asset.matchAll(/from"\.(\/part-[^"]+)"/g))
      bytes += (await ask(`/assets${part}`)).text.length;
  }
  expect(paths).toHaveLength(2);
  // Unpacked; a browser that knows Brotli gets a third of it.
  expect(bytes).toBeLessThan(60_000);
});

const foreign: readonly (readonly [string, Record<string, string>])[] = [
  ['of another site', { origin: 'https://evil.example' }],
  ['of no site', { origin: 'null' }],
  ['of another site, as its browser says', { 'sec-fetch-site': 'cross-site' }],
  ['of a sibling site', { 'sec-fetch-site': 'same-site' }],
  ['of nobody knows where', {}],
];
test.each(foreign)('a form %s changes nothing', async (_, headers) => {
  const { cookie, token } = await visited();
  const said = await post('/login', { token, name: 'OE1ADA', password: goodPassword }, { cookie, ...headers });
  expect(said.status).toBe(403);
  expect(said.headers['set-cookie']?.join('') ?? '').not.toContain('__Host-pop44=');
});

test('a form without its token, or with the token of another browser, changes nothing', async () => {
  const [one, other] = [await visited(), await visited()];
  const own = { origin: scene.publicUrl, cookie: one.cookie };
  for (const token of ['', 'x', other.token])
    expect((await post('/login', { token, name: 'a', password: 'b' }, own)).status).toBe(403);
  expect((await post('/login', { token: one.token, name: 'a', password: 'b' }, own)).status).toBe(422);
});

test('what is no form, or more than 64 KiB, is refused unread', async () => {
  const { cookie, token } = await visited();
  const own = { origin: scene.publicUrl, cookie };
  expect((await post('/login', { token, name: 'x'.repeat(66_000), password: 'b' }, own)).status).toBe(413);
  const json = { method: 'POST', body: '{}', headers: { ...own, 'content-type': 'application/json' } };
  expect((await ask('/login', json)).status).toBe(415);
  expect((await ask('/login', { method: 'DELETE' })).status).toBe(404);
});

test('sign-up answers alike, whether the address has an account or not [S3]', async () => {
  const signUp = async (callsign: string, email: string) => {
    const { cookie, token, text } = await visited('/');
    const challenge = /name="challenge" value="([^"]+)"/.exec(text)?.[1] ?? '';
    const { createHash } = await import('node:crypto');
    let answer = 0;
    while (createHash('sha256').update(`${challenge} ${answer}`).digest()[0] !== 0) answer += 1;
    const fields = { token, challenge, answer: String(answer), callsign, email, password: goodPassword };
    return post('/signup', fields, { origin: scene.publicUrl, cookie });
  };
  const first = await signUp('OE1TWO', 'two@example.org');
  await scene.client.people.verify({ secret: await scene.mails.secretTo('two@example.org', 'confirm your address') });
  const again = await signUp('OE1TWO', 'two@example.org');
  const strip = ({ status, headers: { location }, text }: Said) => ({ status, location, text });
  expect(strip(again)).toEqual(strip(first));
  expect(first).toMatchObject({ status: 303, headers: { location: '/sent' } });
});

test('without scripts one sign-up in ten minutes is taken; a typing mistake does not count', async () => {
  const signUp = async (callsign: string, password = goodPassword) => {
    const { cookie, token } = await visited('/');
    const fields = { token, callsign, email: `${callsign.toLowerCase()}@example.org`, password };
    return post('/signup', fields, { origin: scene.publicUrl, cookie });
  };
  expect((await signUp('OE1THR', 'short')).status).toBe(422);
  expect((await signUp('OE1THR/P')).status).toBe(422);
  expect((await signUp('OE1THR')).status).toBe(303);
  const second = await signUp('OE1FOR');
  expect(second.status).toBe(429);
  expect(second.text).toContain('Try again in 10 minutes');
});

test('behind a proxy on a socket each visitor is a source of its own', async () => {
  const before = scene;
  const directory = await mkdtemp(join(tmpdir(), 'pop44-socket-'));
  const socketPath = join(directory, 'web.sock');
  await using behind = await webScene({ listen: ['127.0.0.1:0', `unix:${socketPath}`], trustedProxies: ['unix'] });
  scene = behind;
  try {
    const host = 'localhost';
    const signUp = async (source: string, callsign: string): Promise<number> => {
      const from = { host, 'x-forwarded-for': source };
      const { headers: had, text } = await ask('/', { socketPath, headers: from });
      const cookie = had['set-cookie']?.[0]?.split(';')[0] ?? '';
      const token = /name="token" value="([^"]+)"/.exec(text)?.[1] ?? '';
      const fields = { token, callsign, email: `${callsign.toLowerCase()}@example.org`, password: goodPassword };
      const headers = { ...from, cookie, origin: `https://${host}`, 'content-type': formType };
      const body = new URLSearchParams(fields).toString();
      return (await ask('/signup', { method: 'POST', socketPath, headers, body })).status;
    };
    expect(await signUp('192.0.2.1', 'OE1SOA')).toBe(303);
    expect(await signUp('192.0.2.1', 'OE1SOB')).toBe(429);
    expect(await signUp('192.0.2.2', 'OE1SOB')).toBe(303);
  } finally {
    scene = before;
    await rm(directory, { recursive: true, force: true });
  }
}, 30_000);

/** With an account of its own; what its requests bear. */
async function loggedIn(callsign: string, email: string) {
  await newAccount(scene, callsign, email);
  return (await logIn(callsign)).headers;
}

test('a form that is sent twice makes one tunnel; another form, or one that was changed, makes its own', async () => {
  const headers = await loggedIn('OE1DBL', 'dbl@example.org');
  const newForm = async () => {
    const { text } = await ask('/tunnels/new', { headers });
    const hidden = (name: string) => new RegExp(`name="${name}" value="([^"]+)"`).exec(text)?.[1] ?? '';
    return { token: hidden('token'), nonce: hidden('nonce'), presets: 'ping', pop: '' };
  };
  const first = { ...(await newForm()), name: 'one', public_key: publicKey() };
  const [once, twice] = [await post('/tunnels', first, headers), await post('/tunnels', first, headers)];
  expect(once.status).toBe(303);
  expect(twice).toMatchObject({ status: 303, headers: { location: once.headers.location } });
  // Back to the form, and another choice.
  const changed = await post('/tunnels', { ...first, presets: 'open' }, headers);
  expect(changed).toMatchObject({ status: 422, text: expect.stringContaining('There is one of this name') });
  const other = await post('/tunnels', { ...first, name: 'two', public_key: publicKey() }, headers);
  expect(other.headers.location).not.toBe(once.headers.location);
  // The same once more, days later, from a form of its own.
  const again = await post('/tunnels', { ...first, ...(await newForm()) }, headers);
  expect(again).toMatchObject({ status: 422, text: expect.stringContaining('There is one of this name') });
  const { tunnels } = await scene.client.tunnels.listTunnels({});
  expect(tunnels.map(({ name }) => name).sort()).toEqual(['one', 'two']);
});

test('what is not there, or is another’s, is told to nobody who looks, and its stream ends', async () => {
  const headers = await loggedIn('OE1LIV', 'liv@example.org');
  const { tunnel } = await scene.client.tunnels.createTunnel({ name: 'others', publicKey: publicKey() });
  for (const id of ['none', tunnel?.id ?? '']) {
    const { status, text } = await ask(`/live?of=${id}`, { headers });
    expect(status).toBe(200);
    expect(text).toContain('event: ended\ndata: "This is not there any more."');
    expect(text).not.toContain('event: state');
  }
});

test.each([
  ['/tunnels', '/tunnels'],
  ['/tunnels?q=a', '/tunnels?q=a'],
  ['//evil.example', '/'],
  ['/\\evil.example', '/'],
  ['https://evil.example', '/'],
  ['/a\r\nSet-Cookie: x', '/'],
  ['', '/'],
  [null, '/'],
])('after a login %j leads to %s', (asked, led) => {
  expect(nextPage(asked)).toBe(led);
});

test('a login that is none, or has ended, leads to the login', async () => {
  for (const cookie of ['', `__Host-pop44=${'A'.repeat(43)}`, '__Host-pop44=<script>']) {
    const said = await ask('/tunnels', { headers: { cookie } });
    expect(said).toMatchObject({ status: 303, headers: { location: '/login?next=%2Ftunnels' } });
  }
  expect((await ask('/live', { headers: { cookie: `__Host-pop44=${'A'.repeat(43)}` } })).text).toContain(
    'event: ended',
  );
});

test('a daemon that is away is stepped over; when all are, the page says so and keeps what was typed', async () => {
  const own = async () => {
    const { cookie, token } = await visited();
    return [token, { origin: scene.publicUrl, cookie }] as const;
  };
  const before = scene;
  await using first = await webScene({ away: 'first' });
  scene = first;
  try {
    const [token, headers] = await own();
    const said = await post('/login', { token, name: 'OE1ONE', password: 'wrong' }, headers);
    expect(said.text).toContain('do not belong together');
    await using none = await webScene({ away: 'all' });
    scene = none;
    const [another, its] = await own();
    const refused = await post('/login', { token: another, name: 'OE1ONE', password: 'wrong' }, its);
    expect(refused.status).toBe(503);
    expect(refused.text).toContain('No daemon can be reached');
    expect(refused.text).toContain('value="OE1ONE"');
    expect(refused.text).not.toContain('value="wrong"');
  } finally {
    scene = before;
  }
}, 60_000);

test('who asks very often waits, each source for itself', async () => {
  const { cookie, token } = await visited();
  const own = { origin: scene.publicUrl, cookie };
  let said = await post('/logout', { token }, own);
  for (let turn = 0; turn < changesAMinute && said.status !== 429; turn += 1)
    said = await post('/logout', { token }, own);
  expect(said.status).toBe(429);
  expect(Number(said.headers['retry-after'])).toBeGreaterThan(0);
  // What is only looked at still is.
  expect((await ask('/login')).status).toBe(200);
});
