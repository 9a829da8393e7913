//   hostile forms by hand -- https --> both sites of pop44-web -- gRPC, mutual TLS --> two APIs on one store in memory

import { afterAll, beforeAll, expect, test } from 'vitest';
import { UserRole } from '#internal/gen/pop44/store/v1/people_pb.ts';
import { PopKind } from '#internal/gen/pop44/store/v1/records_pb.ts';
import { createLog } from '#internal/log/log.ts';
import { goodPassword } from '#internal/testkit/accounts.ts';
import { nodeRequest, popRequest, publicKey } from '#internal/testkit/requests.ts';
import { newAccount, siteAsks } from '#internal/testkit/site-asks.ts';
import { type WebScene, webScene } from '#internal/testkit/web-scene.ts';
import { everyRoute } from './every-route.ts';

let scene: WebScene;
const logged: string[] = [];
let requests = 0;
/** Each from an address of its own: nobody here asks too often. */
const source = (): string => {
  requests += 1;
  return `100.64.${(requests >> 8) & 255}.${requests & 255}`;
};
const sites = { public: siteAsks(() => scene, 'public', source), console: siteAsks(() => scene, 'console', source) };
type Site = keyof typeof sites;
const ids = { tunnel: '', other: '', user: '' };

const markup = '<script>alert(1)</script>"\'><b>';
const hostile = {
  markup,
  'right to left': 'abc\u202etxt.exe',
  'zero width': 'OE1\u200bADA',
  'a line more': 'a\r\nSet-Cookie: x=y\r\n\r\n<script>alert(1)</script>',
  'a zero byte': 'a\u0000b',
  '4 kB': 'n'.repeat(4_096),
  'a way out': '../../../etc/passwd',
  'a number out of range': '-99999999999999999999',
} as const;
const fields = [
  ...[
    'callsign',
    'email',
    'password',
    'secret',
    'name',
    'next',
    'pop',
    'presets',
    'public_key',
    'nonce',
    'port',
    'etag',
  ],
  ...['enabled', 'cancel', 'confirm', 'old_password', 'new_password', 'id', 'days', 'scope_read', 'reason', 'role'],
  ...['pop_ids', 'confirm_drain', 'confirm_release', 'confirm_takeover', 'force', 'challenge', 'answer'],
];

/** So many that a form with all of them is small enough to be read. */
function chunksOf(value: string): readonly (readonly string[])[] {
  const most = Math.floor(60_000 / (encodeURIComponent(value).length + 20));
  return Array.from({ length: Math.ceil(fields.length / most) }, (_, at) => fields.slice(at * most, (at + 1) * most));
}

beforeAll(async () => {
  const log = createLog({}, 'silent');
  const error = (event: string, given?: object): void => void logged.push(`${event} ${JSON.stringify(given)}`);
  scene = await webScene({ trustedProxies: ['127.0.0.0/8'], log: { ...log, error } });
  const { client } = scene;
  await client.people.bootstrap({ callsign: 'OE1ADM', email: 'admin@example.org', password: goodPassword });
  await newAccount(scene, 'OE1ADA', 'ada@example.org');
  await newAccount(scene, 'OE1REG', 'reg@example.org');
  await client.fabric.createPop({ pop: { ...popRequest(3), kind: PopKind.REGIONAL, singleHomed: true } });
  await client.fabric.createNode({ node: nodeRequest(3) });
  await client.people.setUserRole({ user: 'OE1REG', role: UserRole.REGIONAL_ADMIN, popIds: ['p3'] });
  const { user } = await client.people.getUser({ user: 'OE1ADA' });
  ids.user = user?.id ?? '';
  const mine = await client.tunnels.createTunnel({ name: 'mine', owner: user?.owner ?? '', publicKey: publicKey() });
  ids.tunnel = mine.tunnel?.id ?? '';
  const others = await client.tunnels.createTunnel({ name: 'others', publicKey: publicKey() });
  ids.other = others.tunnel?.id ?? '';
}, 60_000);
afterAll(() => scene[Symbol.asyncDispose]());

/** Everything that a form could change. */
async function everything(): Promise<string> {
  const { tunnels, people, fabric } = scene.client;
  const all = await Promise.all([
    tunnels.listTunnels({}),
    people.listUsers({}),
    fabric.listNodes({}),
    people.listTokens({ user: ids.user }),
  ]);
  const [held, users, nodes, tokens] = all;
  const said = [held.tunnels, users.users, nodes.nodes.map(({ node }) => node), tokens.tokens];
  return JSON.stringify(said, (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value));
}

const idFor = (path: string): string =>
  path.startsWith('/tunnels') ? ids.tunnel : path.startsWith('/users') ? ids.user : 'p1';

const turnedAway = [303, 400, 401, 403, 404, 414, 422, 429, 503];
/** Forms that a press is enough for do what they do, whatever they bear besides. */
const oneButton = /\/(approve|reinstate|undrain|unsuspend|suspend)$/;

test.each(
  (['public', 'console'] as const).flatMap((site) =>
    Object.keys(hostile).map((name) => [site, name as keyof typeof hostile] as const),
  ),
)(
  '%s: %s in every field of every form is refused in our words, and changes nothing',
  async (site, name) => {
    const { post, logIn } = sites[site];
    const value = hostile[name];
    const { headers, token } = await logIn(site === 'public' ? 'OE1ADA' : 'OE1ADM');
    const forms = everyRoute(site).filter(({ method, path }) => method === 'POST' && path !== '/logout');
    expect(forms.length).toBeGreaterThanOrEqual(12);
    const before = await everything();
    for (const { path } of forms) {
      for (const id of [idFor(path), encodeURIComponent(value).slice(0, 150)]) {
        if (oneButton.test(path) && id === idFor(path)) continue;
        for (const some of chunksOf(value)) {
          const given = Object.fromEntries(some.map((field) => [field, value]));
          const { status, headers: said, text } = await post(path.replace(':id', id), { ...given, token }, headers);
          // A probe without a port asks for an echo, and changes nothing.
          const fine = path.endsWith('/probe') ? [200, ...turnedAway] : turnedAway;
          expect(fine, `${path}: ${status}`).toContain(status);
          expect(text, path).not.toContain('<script>alert');
          for (const unseen of ['\u202e', '\u200b', '\0']) expect(text, path).not.toContain(unseen);
          expect(said.location ?? '/', path).toMatch(/^\/(?![/\\])[\x21-\x7e]*$/);
          expect(said['set-cookie']?.join('\n') ?? '', path).not.toMatch(/x=y|__Host-pop44(console)?=[^;]/);
        }
        if (!path.includes(':id')) break;
      }
    }
    expect(await everything()).toBe(before);
    expect(logged).toEqual([]);
  },
  60_000,
);

test.each<readonly [path: string, given: Record<string, string>, said: RegExp]>([
  ['enable', { enabled: 'maybe' }, /neither yes nor no/],
  ['firewall', { presets: 'nonsense' }, /nonsense/],
  ['rename', { name: 'UPPER case' }, /UPPER case/],
  ['rotate', { public_key: 'AAAA' }, /[Kk]ey/],
  ['rename', { name: 'renamed', etag: '1' }, /changed meanwhile/],
  ['delete', { confirm: 'others' }, /not its name/],
])('a tunnel’s form %s with %j says what is wrong, and changes nothing', async (path, given, said) => {
  const { post, logIn } = sites.public;
  const { headers, token } = await logIn('OE1ADA');
  const before = await everything();
  const { status, text } = await post(`/tunnels/${ids.tunnel}/${path}`, { token, ...given }, headers);
  expect([status, text]).toEqual([422, expect.stringMatching(said)]);
  expect(await everything()).toBe(before);
});

test.each<readonly [path: string, given: Record<string, string>, said: RegExp]>([
  ['/tokens', { name: 'ci', scope_read: 'yes', days: '0' }, /7, 30, 90 or 366 days/],
  ['/tokens', { name: 'a b', scope_read: 'yes', days: '7' }, /a b/],
  ['/users/ID/role', { role: 'emperor' }, /[Rr]ole/],
  ['/users/ID/role', { role: 'regional-admin', pop_ids: 'nowhere' }, /nowhere/],
  ['/users/ID/delete', { confirm: 'OE1ADM' }, /not its callsign/],
  ['/nodes/p1/drain', { confirm_drain: 'p2' }, /not its name/],
])('the console’s form %s with %j says what is wrong, and changes nothing', async (path, given, said) => {
  const { post, logIn } = sites.console;
  const { headers, token } = await logIn('OE1ADM');
  const before = await everything();
  const { status, text } = await post(path.replace('ID', ids.user), { token, ...given }, headers);
  expect([status, text]).toEqual([422, expect.stringMatching(said)]);
  expect(await everything()).toBe(before);
});

test('what was written by others is text on every page that shows it', async () => {
  const { client } = scene;
  const words = markup;
  await client.pools.createPool({ prefix: '44.40.0.0/24', description: words });
  await client.desk.suspendTunnel({ tunnel: ids.tunnel, reason: words });
  await client.fabric.drainNode({ node: 'p2', reason: words, force: true });
  const { headers } = await sites.console.logIn('OE1ADM');
  const { pools } = await client.pools.listPools({});
  const paths = [
    '/',
    '/nodes',
    '/nodes/p2',
    '/pools',
    ...pools.map(({ id }) => `/pools/${id}`),
    '/tunnels',
    '/audit',
    '/users',
  ];
  const query = encodeURIComponent(`${words} \u202etxt`);
  const asked = [
    '/tunnels?q=',
    '/audit?by=',
    '/audit?object=',
    '/users?none=yes&q=',
    '/users/find?q=',
    `/pools/${pools[0]?.id}?at=`,
  ];
  for (const path of [...paths, `/tunnels/${ids.tunnel}`, ...asked.map((each) => `${each}${query}`)]) {
    const { status, text } = await sites.console.ask(path, { headers });
    expect([200, 303], path).toContain(status);
    expect(text, path).not.toContain('<script>alert');
    expect(text, path).not.toContain('\u202e');
  }
  const own = await sites.public.logIn('OE1ADA');
  const { text } = await sites.public.ask(`/tunnels/${ids.tunnel}`, { headers: own.headers });
  expect(text).toContain('&lt;script&gt;alert(1)');
  expect(text).not.toMatch(/<script>alert|\u202e/);
  await client.desk.unsuspendTunnel({ tunnel: ids.tunnel });
  await client.fabric.undrainNode({ node: 'p2' });
});

test('a regional admin reaches nothing of others by any address or form of the console [S7]', async () => {
  const { ask, post, logIn } = sites.console;
  const { headers, token } = await logIn('OE1REG');
  const before = await everything();
  for (const path of ['/users', `/users/${ids.user}`, '/audit', `/tunnels/${ids.other}`, `/tunnels/${ids.tunnel}`]) {
    const { status, text } = await ask(path, { headers });
    expect([403, 404], path).toContain(status);
    expect(text, path).not.toMatch(/ada@example\.org|others/);
  }
  expect((await ask('/tunnels/rows?q=others', { headers })).text).toContain('"rows":[]');
  const forms: readonly (readonly [string, Record<string, string>])[] = [
    [`/tunnels/${ids.other}/suspend`, { reason: 'mine now' }],
    [`/tunnels/${ids.other}/delete`, { confirm: 'others' }],
    ['/nodes/p1/drain', { confirm_drain: 'p1' }],
    ['/nodes/p1/takeover', { confirm_takeover: 'p1' }],
    [`/users/${ids.user}/role`, { role: 'global-admin' }],
    [`/users/${ids.user}/delete`, { confirm: 'OE1ADA' }],
  ];
  for (const [path, given] of forms) {
    const { status } = await post(path, { token, ...given }, headers);
    expect([403, 404, 422], `${path}: ${status}`).toContain(status);
  }
  expect(await everything()).toBe(before);
});

test.each(['public', 'console'] as Site[])(
  '%s: a cookie that was kept opens nothing after its login has ended',
  async (site) => {
    const { ask, post, logIn } = sites[site];
    const { headers, token } = await logIn(site === 'public' ? 'OE1ADA' : 'OE1ADM');
    expect((await ask('/tunnels', { headers })).status).toBe(200);
    expect((await post('/logout', { token }, headers)).status).toBe(303);
    expect(await ask('/tunnels', { headers })).toMatchObject({
      status: 303,
      headers: { location: '/login?next=%2Ftunnels' },
    });
    const before = await everything();
    const again = await post('/tokens', { token, name: 'after', scope_read: 'yes' }, headers);
    expect(again.headers.location).toContain('/login');
    expect(await everything()).toBe(before);
    // Of the one site a login is none of the other.
    const other = sites[site === 'public' ? 'console' : 'public'];
    const fresh = await logIn(site === 'public' ? 'OE1ADA' : 'OE1ADM');
    expect((await other.ask('/tunnels', { headers: fresh.headers })).headers.location).toBe('/login?next=%2Ftunnels');
  },
);

test('nothing unexpected came of it', () => {
  expect(logged).toEqual([]);
  expect(scene.network.daemons.flatMap(({ unexpected }) => unexpected)).toEqual([]);
});
