import { afterAll, expect, test } from 'vitest';
import { UserRole, UserState } from '#internal/gen/pop44/store/v1/people_pb.ts';
import { SignUpPolicy } from '#internal/gen/pop44/store/v1/records_pb.ts';
import { PeopleService } from '#internal/gen/pop44/v1/people_pb.ts';
import { StatusService } from '#internal/gen/pop44/v1/status_pb.ts';
import { TunnelService } from '#internal/gen/pop44/v1/tunnels_pb.ts';
import { goodPassword, newSecret } from '#internal/testkit/accounts.ts';
import { eventually } from '#internal/testkit/eventually.ts';
import { peopleNetwork, refusalOf } from '#internal/testkit/people-network.ts';
import { publicKey } from '#internal/testkit/requests.ts';

const world = await peopleNetwork();
afterAll(() => world[Symbol.asyncDispose]());
const { a, b, box, loggedIn, member, network, people, sides, signedUp, store } = world;

test('from a callsign to a tunnel: sign up, follow the mail, be approved, log in, create [P2] [S3]', async () => {
  await people().signUp({ callsign: 'oe1ada', email: 'Ada@Example.ORG', password: goodPassword });
  expect((await people().listUsers({})).users).toEqual([]);
  // A domain is the same in any case; nodemailer writes it in lower case.
  const secret = await box.secretTo('Ada@example.org', 'confirm your address');
  expect(secret).toHaveLength(32);
  expect(await people().verify({ secret })).toMatchObject({ state: UserState.PENDING });
  expect(await refusalOf(people().verify({ secret }))).toMatchObject({ refused: 'not-found' });
  expect(await refusalOf(loggedIn('OE1ADA'))).toMatchObject({
    refused: 'forbidden',
    message: expect.stringContaining('waits') as unknown,
  });
  await people().approveUser({ user: 'OE1ADA' });
  const bearer = await loggedIn('oe1ada');
  const mine = network.bearing(PeopleService, a, bearer);
  const { user, principal } = await mine.whoAmI({});
  expect(user).toMatchObject({
    callsign: 'OE1ADA',
    email: 'Ada@Example.ORG',
    role: UserRole.USER,
    state: UserState.ACTIVE,
  });
  expect(principal).toBe(user?.owner);
  const { tunnel } = await network
    .bearing(TunnelService, a, bearer)
    .createTunnel({ name: 'home', publicKey: publicKey() });
  expect(tunnel).toMatchObject({ name: 'home', owner: principal });
  // The same login at another daemon.
  expect((await network.bearing(TunnelService, b, bearer).getTunnel({ tunnel: 'home' })).tunnel?.id).toBe(tunnel?.id);
});

test('known and unknown alike: sign-up, reset and login answer the same, and only the mail tells [S3]', async () => {
  await signedUp('OE1KNO', 'known@example.org');
  const before = store.commits.length;
  const answers = [
    await people().signUp({ callsign: 'OE1NEW', email: 'new@example.org', password: goodPassword }),
    await people().signUp({ callsign: 'OE1NEW', email: 'known@EXAMPLE.org', password: goodPassword }),
    await people().signUp({ callsign: 'OE1KNO', email: 'other@example.org', password: goodPassword }),
    await people().requestReset({ email: 'known@example.org' }),
    await people().requestReset({ email: 'nobody@example.org' }),
  ];
  expect(new Set(answers.map((answer) => Object.keys(answer).join()))).toHaveProperty('size', 1);
  // Each has written one job, whatever it was about.
  const jobs = store.commits.slice(before).flatMap(({ people: of }) => of?.writes ?? []);
  expect(jobs.filter(({ op, kind }) => op === 'put' && kind === 'mail')).toHaveLength(5);
  const said = (address: string, subject: string) =>
    eventually(() => box.to(address).some((text) => text.includes(subject)), 5_000);
  await said('other@example.org', 'that callsign has an account');
  await said('known@example.org', 'you have an account already');
  await said('known@example.org', 'set another password');
  expect(box.to('nobody@example.org')).toEqual([]);
  const wrong = await refusalOf(loggedIn('known@example.org', a, 'not the right password'));
  expect(wrong).toMatchObject({ refused: 'unauthenticated', field: 'password', value: '' });
  expect(await refusalOf(loggedIn('nobody@example.org', a, 'not the right password'))).toEqual(wrong);
  expect(await refusalOf(loggedIn('NOBODY', a, 'not the right password'))).toEqual(wrong);
});

test('a reset by mail sets another password, once, and ends every login [S3]', async () => {
  const bearer = await member('OE1RST', 'reset@example.org');
  const other = await loggedIn('OE1RST', b);
  await people().requestReset({ email: 'reset@example.org' });
  const secret = await box.secretTo('reset@example.org', 'set another password');
  expect(await refusalOf(people().reset({ secret, password: 'short' }))).toMatchObject({ refused: 'weak-password' });
  const password = 'entirely different words now';
  await people().reset({ secret, password });
  expect(await refusalOf(people().reset({ secret, password }))).toMatchObject({ refused: 'not-found' });
  for (const each of [bearer, other])
    expect(await refusalOf(network.bearing(PeopleService, a, each).whoAmI({}))).toMatchObject({
      refused: 'unauthenticated',
    });
  expect(await refusalOf(loggedIn('OE1RST'))).toMatchObject({ refused: 'unauthenticated' });
  await loggedIn('OE1RST', a, password);
});

test('two that follow one link at the same time make one account [S3]', async () => {
  await people().signUp({ callsign: 'OE1TWO', email: 'two@example.org', password: goodPassword });
  const secret = await box.secretTo('two@example.org', 'confirm your address');
  const outcomes = await Promise.all([
    refusalOf(people(a).verify({ secret })),
    refusalOf(people(b).verify({ secret })),
  ]);
  expect(outcomes.filter((outcome) => outcome === undefined)).toHaveLength(1);
  expect(outcomes.find((outcome) => outcome !== undefined)).toMatchObject({ refused: 'not-found' });
});

test('logins are listed and revoked, everywhere at once; a stream of theirs is cut [S3]', async () => {
  const first = await member('OE1LGN', 'logins@example.org');
  const second = await loggedIn('logins@example.org', b);
  const mine = network.bearing(PeopleService, a, first);
  const { logins } = await mine.listLogins({});
  expect(logins).toHaveLength(2);
  expect(logins.filter(({ current }) => current)).toHaveLength(1);
  expect(logins[0]).toMatchObject({ source: '127.0.0.1', label: 'test' });
  const away = logins.find(({ current }) => !current)?.id ?? '';
  await mine.revokeLogin({ id: away });
  await eventually(
    async () =>
      ((await refusalOf(network.bearing(PeopleService, b, second).whoAmI({}))) as { refused?: string })?.refused ===
      'unauthenticated',
    2_000,
  );
  await mine.whoAmI({});
  await mine.logout({});
  expect(await refusalOf(mine.whoAmI({}))).toMatchObject({ refused: 'unauthenticated' });
});

test('a suspension ends logins at every daemon, and a password opens nothing until it ends [S3]', async () => {
  const bearer = await member('OE1SUS', 'sus@example.org');
  await people().suspendUser({ user: 'OE1SUS', reason: 'spam' });
  await eventually(
    async () => (await refusalOf(network.bearing(StatusService, b, bearer).getStatus({}))) !== undefined,
    2_000,
  );
  expect(await refusalOf(network.bearing(PeopleService, b, bearer).whoAmI({}))).toMatchObject({
    refused: 'unauthenticated',
  });
  expect(await refusalOf(loggedIn('OE1SUS'))).toMatchObject({ refused: 'forbidden', cure: 'spam' });
  await people().reinstateUser({ user: 'OE1SUS' });
  await loggedIn('OE1SUS');
});

test('a token of a script does what its scopes say until it is revoked [S7]', async () => {
  const bearer = await member('OE1TOK', 'tok@example.org');
  const mine = network.bearing(PeopleService, a, bearer);
  const { bearer: token, secretHash } = newSecret();
  expect(await refusalOf(mine.createToken({ name: 'ci', scopes: ['all'], secretHash }))).toMatchObject({
    refused: 'invalid',
    field: 'scopes',
    value: 'all',
  });
  await mine.createToken({ name: 'ci', scopes: ['read'], secretHash, validDays: 1 });
  expect(
    await refusalOf(mine.createToken({ name: 'ci', scopes: ['read'], secretHash: newSecret().secretHash })),
  ).toMatchObject({ refused: 'already-exists' });
  await network.bearing(TunnelService, a, token).listTunnels({});
  expect(
    await refusalOf(network.bearing(TunnelService, a, token).createTunnel({ publicKey: publicKey() })),
  ).toMatchObject({ refused: 'forbidden' });
  expect(await refusalOf(network.bearing(PeopleService, a, token).listTokens({}))).toMatchObject({
    refused: 'forbidden',
  });
  expect((await mine.listTokens({})).tokens).toMatchObject([{ name: 'ci', scopes: ['read'] }]);
  await mine.revokeToken({ token: 'ci' });
  expect(await refusalOf(network.bearing(TunnelService, a, token).listTunnels({}))).toMatchObject({
    refused: 'unauthenticated',
  });
});

test('the first admin is made once, with a certificate [S7]', async () => {
  const request = { callsign: 'OE1ADM', email: 'adm@example.org', password: goodPassword };
  await people().bootstrap(request);
  const bearer = await loggedIn('OE1ADM');
  const mine = network.bearing(PeopleService, a, bearer);
  expect((await mine.whoAmI({})).user).toMatchObject({ role: UserRole.GLOBAL_ADMIN });
  expect(await refusalOf(people().bootstrap({ ...request, callsign: 'OE2ADM', email: 'b@example.org' }))).toMatchObject(
    {
      refused: 'used',
    },
  );
  expect(await refusalOf(mine.bootstrap(request))).toMatchObject({ refused: 'forbidden' });
});

test('the policy of sign-ups: closed refuses, open lets in [P2]', async () => {
  await people().setSignUp({ policy: SignUpPolicy.CLOSED });
  const asked = { callsign: 'OE1OPN', email: 'open@example.org', password: goodPassword };
  await eventually(
    async () => ((await refusalOf(people().signUp(asked))) as { refused?: string })?.refused === 'forbidden',
    1_000,
  );
  await people().setSignUp({ policy: SignUpPolicy.OPEN });
  await eventually(() => a.head.snapshot().network?.record.signUp === SignUpPolicy.OPEN, 1_000);
  await signedUp('OE1OPN', 'open@example.org');
  await loggedIn('OE1OPN');
  expect(await refusalOf(people().setSignUp({ publicUrl: 'http://example.org/x' }))).toMatchObject({
    refused: 'invalid',
    field: 'public_url',
  });
  await people().setSignUp({ policy: SignUpPolicy.APPROVAL });
});

test('an account that owns something is not deleted; one that does not goes whole [P2]', async () => {
  const bearer = await member('OE1DEL', 'del@example.org');
  const mine = network.bearing(PeopleService, a, bearer);
  const tunnels = network.bearing(TunnelService, a, bearer);
  const { tunnel } = await tunnels.createTunnel({ name: 'last', publicKey: publicKey() });
  await eventually(() => a.head.snapshot().tunnels.has(tunnel?.id ?? ''), 1_000);
  expect(await refusalOf(mine.deleteUser({}))).toMatchObject({
    refused: 'in-use',
    obstacles: [`tunnel last (${tunnel?.id})`],
  });
  await tunnels.deleteTunnel({ tunnel: 'last' });
  await eventually(() => !a.head.snapshot().tunnels.has(tunnel?.id ?? ''), 1_000);
  await mine.deleteUser({});
  expect(await refusalOf(mine.whoAmI({}))).toMatchObject({ refused: 'unauthenticated' });
  const left = sides[0]?.people.snapshot();
  expect([left?.callsign.has('OE1DEL'), left?.email.has('del@example.org')]).toEqual([false, false]);
  await signedUp('OE1DEL', 'again@example.org');
});

test.each([
  ['a suffix', { callsign: 'OE1XYZ/P' }, 'callsign', 'without it: OE1XYZ'],
  ['a prefix', { callsign: 'DL/OE1XYZ' }, 'callsign', 'without it: OE1XYZ'],
  ['a Cyrillic А', { callsign: 'OE1\u0410BC' }, 'callsign', 'callsign alone'],
  ['a wide letter', { callsign: 'OE1\uff21BC' }, 'callsign', 'callsign alone'],
  ['a slashed zero', { callsign: 'OE1\u00d8BC' }, 'callsign', 'callsign alone'],
  ['no digit', { callsign: 'OEXXYZ' }, 'callsign', 'callsign alone'],
  ['nothing', { callsign: '' }, 'callsign', 'callsign alone'],
  ['4 kB', { callsign: 'OE1'.repeat(1_400) }, 'callsign', 'callsign alone'],
  ['a line more in the address', { email: 'a@example.org\r\nBcc: b@example.org' }, 'email', 'one address'],
  ['two addresses', { email: 'a@example.org, b@example.org' }, 'email', 'one address'],
  ['a name beside it', { email: 'Ada <a@example.org>' }, 'email', 'one address'],
  ['quotes', { email: '"a b"@example.org' }, 'email', 'one address'],
  ['a literal', { email: 'a@[192.0.2.1]' }, 'email', 'one address'],
  ['a zero width space', { email: 'a\u200b@example.org' }, 'email', 'ASCII'],
  ['a domain of one label', { email: 'root@localhost' }, 'email', 'one address'],
])('sign-up refuses %s, by field and cure, and writes nothing [S3]', async (_, fields, field, cure) => {
  const before = store.commits.length;
  const asked = { callsign: 'OE1XYZ', email: 'xyz@example.org', password: goodPassword, ...fields };
  expect(await refusalOf(people().signUp(asked))).toMatchObject({
    field,
    cure: expect.stringContaining(cure) as unknown,
  });
  expect(store.commits.length).toBe(before);
});

test('guesses at one account have to wait longer and longer, of an unknown one too [S3]', async () => {
  await member('OE1GUE', 'gue@example.org');
  const guesses = async (name: string): Promise<readonly string[]> => {
    const said: string[] = [];
    for (let n = 0; n < 8; n += 1)
      said.push(((await refusalOf(loggedIn(name, b, `wrong password ${n} for this`))) as { refused: string }).refused);
    return said;
  };
  const known = await guesses('OE1GUE');
  expect(known.slice(0, 5)).toEqual(Array(5).fill('unauthenticated'));
  expect(known.slice(5)).toContain('busy');
  expect(await guesses('OE1ZZZ')).toEqual(known);
  expect(b.refusals.length).toBeGreaterThanOrEqual(10);
});

test('nothing that was written down holds a password or the secret of a link or a login [S5]', () => {
  const written = JSON.stringify(store.commits, (_, value: unknown) =>
    typeof value === 'bigint' ? String(value) : value,
  );
  expect(written).not.toContain(goodPassword);
  expect(written).toContain('$argon2id$');
  expect([...a.unexpected, ...b.unexpected]).toEqual([]);
});
