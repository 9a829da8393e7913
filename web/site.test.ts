//   https requests by hand -- https --> pop44-web --> an API on a store in memory

import type { IncomingHttpHeaders } from 'node:http';
import { request } from 'node:https';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { goodPassword } from '#internal/testkit/accounts.ts';
import { type WebScene, webScene } from '#internal/testkit/web-scene.ts';
import { changesAMinute } from './guard.ts';
import { nextPage } from './site.ts';

let scene: WebScene;
beforeAll(async () => {
  scene = await webScene();
  // Scripts are bundled, on a machine that others use too.
}, 30_000);
afterAll(() => scene[Symbol.asyncDispose]());

interface Said {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

function ask(
  path: string,
  options: { method?: string; headers?: Record<string, string>; body?: string } = {},
): Promise<Said> {
  const { method = 'GET', headers = {}, body } = options;
  return new Promise((resolve, reject) => {
    const sent = request(`${scene.publicUrl}${path}`, { method, headers, ca: scene.ca }, (response) => {
      const parts: Buffer[] = [];
      response.on('data', (part: Buffer) => parts.push(part));
      response.on('end', () =>
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          text: Buffer.concat(parts).toString('utf8'),
        }),
      );
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

const form = 'application/x-www-form-urlencoded';
/** What a browser has once it has seen a page with a form. */
async function visited(path = '/login') {
  const { headers, text } = await ask(path);
  const cookie = headers['set-cookie']?.[0]?.split(';')[0] ?? '';
  const token = /name="token" value="([^"]+)"/.exec(text)?.[1] ?? '';
  return { cookie, token, text };
}
function post(path: string, fields: Record<string, string>, headers: Record<string, string>): Promise<Said> {
  const body = new URLSearchParams(fields).toString();
  return ask(path, { method: 'POST', body, headers: { 'content-type': form, ...headers } });
}

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

test('without scripts one sign-up in ten minutes is taken', async () => {
  const signUp = async (callsign: string) => {
    const { cookie, token } = await visited('/');
    const fields = { token, callsign, email: `${callsign.toLowerCase()}@example.org`, password: goodPassword };
    return post('/signup', fields, { origin: scene.publicUrl, cookie });
  };
  expect((await signUp('OE1THR')).status).toBe(303);
  const second = await signUp('OE1FOR');
  expect(second.status).toBe(429);
  expect(second.text).toContain('Try again in 10 minutes');
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
