import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { realClock } from '#internal/clock/clock.ts';
import { createCa, issueAdminCertificate, issueNodeCertificate } from '#internal/identity/identity.ts';
import { openCutter } from '#internal/testkit/cutter.ts';
import { freePorts, startEtcd } from '#internal/testkit/etcd.ts';
import { eventually } from '#internal/testkit/eventually.ts';
import { startStopwatch } from '#internal/testkit/stopwatch.ts';
import { type Etcd, type EtcdOptions, failureCode, openEtcd, prefixEnd, type Txn } from './etcd.ts';

function client(endpoints: readonly string[], more: Partial<EtcdOptions> = {}): Etcd & Disposable {
  const etcd = openEtcd({ endpoints, clock: realClock, deadlineMs: 1_000, ...more });
  return Object.assign(etcd, { [Symbol.dispose]: () => etcd.close() });
}
const bytes = (text: string) => Buffer.from(text);
const put = (key: string, value = 'v'): Txn => ({ compares: [], then: [{ op: 'put', key, value: bytes(value) }] });

test('a transaction compares, writes all or nothing, and reads in its other branch', async () => {
  await using server = await startEtcd();
  using etcd = client(server.endpoints);
  const { revision } = await etcd.txn(put('/a/1', 'one'));
  const guarded = (at: bigint): Txn => ({
    compares: [
      { target: 'mod', key: '/a/1', revision: at },
      { target: 'create', key: '/b/', rangeEnd: prefixEnd('/b/'), revision: 0n },
    ],
    then: [
      { op: 'put', key: '/b/1', value: bytes('two') },
      { op: 'delete', key: '/a/1' },
    ],
    otherwise: [
      { op: 'get', key: '/a/1' },
      { op: 'get', key: '/a/none' },
    ],
  });
  const refused = await etcd.txn(guarded(revision - 1n));
  expect(refused).toMatchObject({ succeeded: false, revision });
  expect(refused.found.map((entry) => entry?.value.toString())).toEqual(['one', undefined]);
  const done = await etcd.txn(guarded(revision));
  expect(done).toMatchObject({ succeeded: true, revision: revision + 1n, found: [] });
  expect((await etcd.get('/a/1')).entry).toBeUndefined();
  expect((await etcd.get('/b/1')).entry).toMatchObject({ modRevision: done.revision, createRevision: done.revision });
  // Now something stands under /b/.
  expect(await etcd.txn({ ...guarded(0n), then: [] })).toMatchObject({ succeeded: false });
});

test('the other branch of a transaction reads ranges, names, leases and keys of any bytes', async () => {
  await using server = await startEtcd();
  using etcd = client(server.endpoints);
  const leaseId = await etcd.grantLease(60);
  const odd = '/odd/\x00\x7f\x80\xff';
  const large = Buffer.alloc(100_000, 'x');
  const { revision } = await etcd.txn({
    compares: [{ target: 'create', key: odd, revision: 0n }],
    then: [
      { op: 'put', key: odd, value: bytes('odd'), leaseId },
      { op: 'put', key: '/range/a', value: large },
      { op: 'put', key: '/range/b', value: bytes('') },
    ],
  });
  const unmet = { target: 'mod', key: odd, revision: 1n << 62n } as const;
  const asked: Txn['then'] = [
    { op: 'get', key: odd },
    { op: 'get', key: '/range/a', keysOnly: true },
    { op: 'get', key: '/range/', rangeEnd: prefixEnd('/range/') },
    { op: 'get', key: '/range/', rangeEnd: prefixEnd('/range/'), keysOnly: true },
    { op: 'get', key: '/range/b' },
    { op: 'get', key: '/none/', rangeEnd: prefixEnd('/none/') },
  ];
  const answers = await Promise.all([
    etcd.txn({ compares: [unmet], then: [], otherwise: asked }),
    etcd.txn({ compares: [{ ...unmet, revision }], then: [{ op: 'delete', key: '/none' }, ...asked] }),
  ]);
  for (const { found } of answers) {
    expect(found.map((entry) => entry && [entry.key, entry.value.length, entry.modRevision === revision])).toEqual([
      [odd, 3, true],
      ['/range/a', 0, true],
      ['/range/a', large.length, true],
      ['/range/a', 0, true],
      ['/range/b', 0, true],
      undefined,
    ]);
    expect(found[0]).toMatchObject({ createRevision: revision, leaseId });
    expect(found[1]).not.toHaveProperty('leaseId');
  }
  expect(answers.map(({ succeeded }) => succeeded)).toEqual([false, true]);
  // A number that etcd cannot have does not spoil what is sent after it.
  await expect(etcd.txn({ compares: [{ ...unmet, revision: 1n << 80n }], then: [] })).rejects.toThrow(/int64/);
  expect(await etcd.txn(put('/after'))).toMatchObject({ succeeded: true });
});

test('128 compares and 128 puts pass; one more is not sent', async () => {
  await using server = await startEtcd();
  using etcd = client(server.endpoints);
  const txn = (count: number): Txn => ({
    compares: Array.from({ length: count }, (_, n) => ({ target: 'mod', key: `/k/${n}`, revision: 0n })),
    then: Array.from({ length: count }, (_, n) => ({ op: 'put', key: `/k/${n}`, value: bytes('v') })),
  });
  await expect(etcd.txn(txn(129))).rejects.toThrow(RangeError);
  expect(await etcd.txn(txn(128))).toMatchObject({ succeeded: true });
});

test('a list is exact about its prefix and about its revision', async () => {
  await using server = await startEtcd();
  using etcd = client(server.endpoints);
  for (const key of ['pop/1', 'pop/1/a', 'pop/10', 'pop0']) await etcd.txn(put(key));
  const before = await etcd.list('pop/');
  expect(before.entries.map(({ key }) => key)).toEqual(['pop/1', 'pop/1/a', 'pop/10']);
  await etcd.txn(put('pop/2'));
  const again = await etcd.list('pop/', { revision: before.revision, keysOnly: true });
  expect(again.entries.map(({ key, value }) => [key, value.length])).toEqual(before.entries.map(({ key }) => [key, 0]));
  await etcd.compact((await etcd.header()).revision);
  await expect(etcd.list('pop/', { revision: before.revision })).rejects.toMatchObject({ code: 'compacted' });
});

test('a lease is granted, renewed and revoked; a lost one is told by renewal and by the write that names it', async () => {
  await using server = await startEtcd();
  using etcd = client(server.endpoints);
  const lease = await etcd.grantLease(90_000);
  const fromMs = realClock.monotonicMs();
  const { seconds, sentMs } = await etcd.keepLeaseAlive(lease);
  expect(seconds).toBe(90_000);
  expect(sentMs).toBeGreaterThanOrEqual(fromMs);
  const bound = (leaseId: bigint): Txn => ({
    compares: [],
    then: [
      { op: 'put', key: '/l/first', value: bytes('v') },
      { op: 'put', key: '/l/second', value: bytes('v'), leaseId },
    ],
  });
  expect(await etcd.txn(bound(lease))).toMatchObject({ succeeded: true });
  await etcd.txn({ compares: [], then: [{ op: 'delete', key: '/l/first' }] });
  await expect(etcd.txn(bound(lease + 1n))).rejects.toMatchObject({ code: 'no-lease' });
  expect((await etcd.get('/l/first')).entry).toBeUndefined();
  expect(await etcd.keepLeaseAlive(lease + 1n)).toMatchObject({ seconds: 0 });
  expect((await etcd.get('/l/second')).entry).toMatchObject({ leaseId: lease });
  await etcd.revokeLease(lease);
  expect((await etcd.get('/l/second')).entry).toBeUndefined();
  await etcd.revokeLease(lease);
  expect(await etcd.keepLeaseAlive(lease)).toMatchObject({ seconds: 0 });
});

test('a write to a closed port goes on to the next endpoint; without one it is unavailable', async () => {
  const [closed = 0] = await freePorts(1);
  await using server = await startEtcd();
  using both = client([`http://127.0.0.1:${closed}`, ...server.endpoints]);
  expect(await both.txn(put('/w'))).toMatchObject({ succeeded: true });
  using none = client([`http://127.0.0.1:${closed}`]);
  await expect(none.txn(put('/w'))).rejects.toMatchObject({ code: 'unavailable' });
});

test('a write whose answer is lost is ambiguous, was applied once, and is not repeated elsewhere', async () => {
  await using server = await startEtcd();
  await using path = await openCutter(server.member);
  using direct = client(server.endpoints);
  const faults = {
    deadline: () => path.holdAnswers(),
    reset: () => {
      path.holdAnswers();
      setTimeout(() => path.reset(), 200);
    },
  };
  for (const [name, fault] of Object.entries(faults)) {
    using etcd = client([path.url, ...server.endpoints]);
    const before = (await etcd.txn(put('/warm'))).revision;
    fault();
    await expect(etcd.txn(put(`/lost/${name}`)), name).rejects.toMatchObject({ code: 'ambiguous' });
    path.release();
    expect((await direct.header()).revision, name).toBe(before + 1n);
    expect((await direct.get(`/lost/${name}`)).entry, name).toBeDefined();
  }
});

/** A probe brings a failing endpoint back to its place; until then calls take the other. */
async function openPath(etcd: Etcd, url: string): Promise<boolean> {
  const controller = new AbortController();
  const following = etcd.listThenWatch('/none/', controller.signal);
  const stop = eventually(() => following.contact().endpoint, 5_000).finally(() => controller.abort(new Error('seen')));
  for await (const _ of following) void _;
  return (await stop) === url;
}

test('a path that was dead at connecting is unavailable, and used again soon after it heals', async () => {
  await using server = await startEtcd();
  await using path = await openCutter(server.member);
  path.hold();
  using etcd = client([path.url]);
  await expect(etcd.txn(put('/h'))).rejects.toMatchObject({ code: 'unavailable' });
  path.release();
  await eventually(() => etcd.txn(put('/h')), 10_000);
});

test('reads go on to the next endpoint, and the local one comes first again when it is back', async () => {
  await using server = await startEtcd({ members: 3 });
  const [local, other] = server.members;
  if (local === undefined || other === undefined) throw new Error('three members');
  await using path = await openCutter(local);
  using etcd = client([path.url, other.url]);
  await etcd.txn(put('/r'));
  path.hold();
  expect((await etcd.get('/r')).entry).toBeDefined();
  using watch = startStopwatch();
  for (let n = 0; n < 20; n++) await etcd.get('/r');
  expect(watch.ms(), 'only the first read waits for its deadline').toBeLessThan(900);
  path.release();
  await eventually(() => openPath(etcd, path.url), 10_000);
});

test('without a quorum a write is not applied unless it is called ambiguous', async () => {
  await using server = await startEtcd({ members: 3 });
  const [first, second, third] = server.members;
  if (first === undefined || second === undefined || third === undefined) throw new Error('three members');
  using etcd = client([first.url]);
  await etcd.txn(put('/q/before'));
  await Promise.all([second.kill(), third.kill()]);
  const outcomes = new Map<string, string>();
  for (let n = 0; n < 4; n++) {
    const key = `/q/${n}`;
    await etcd.txn(put(key)).then(
      () => outcomes.set(key, 'applied'),
      (fault: unknown) => outcomes.set(key, failureCode(fault) ?? String(fault)),
    );
  }
  // The member knows after an election timeout that it has no leader, and then says so at once.
  expect([...outcomes.values()]).toContain('unavailable');
  expect([...outcomes.values()]).not.toContain('applied');
  await Promise.all([second.start(), third.start()]);
  await eventually(() => etcd.txn(put('/q/after')), 10_000);
  for (const [key, outcome] of outcomes) {
    if (outcome === 'unavailable') expect((await etcd.get(key)).entry, key).toBeUndefined();
  }
});

test.each(['127.0.0.1', '[::1]'] as const)(
  'https to %s is by mutual TLS with the address in the certificate',
  async (host) => {
    const directory = await mkdtemp(join(tmpdir(), 'pop44-tls-'));
    try {
      const validity = { now: new Date(), validForMs: 3_600_000 };
      const ca = await createCa('test', validity);
      const member = await issueNodeCertificate(ca, { id: 'p1', addresses: ['127.0.0.1', '::1'] }, validity);
      const other = await issueNodeCertificate(ca, { id: 'p2', addresses: ['198.18.0.1'] }, validity);
      const strange = await issueAdminCertificate(await createCa('other', validity), 'x', validity);
      const file = async (name: string, text: string) => {
        await writeFile(join(directory, name), text, { mode: 0o600 });
        return join(directory, name);
      };
      const tlsArgs = (credentials: typeof member, caFile: string, certificate: string, key: string) => [
        ...['--cert-file', certificate, '--key-file', key, '--trusted-ca-file', caFile, '--client-cert-auth'],
        ...(credentials === member ? [] : ['--log-level=fatal']),
      ];
      const caFile = await file('ca', ca.certificatePem);
      const serve = async (credentials: typeof member, name: string) =>
        startEtcd({
          host,
          tlsArgs: tlsArgs(
            credentials,
            caFile,
            await file(`${name}.crt`, credentials.certificatePem),
            await file(`${name}.key`, credentials.privateKeyPem),
          ),
        });
      await using right = await serve(member, 'right');
      await using wrong = await serve(other, 'wrong');
      const tls = (credentials: typeof member) => ({
        ca: bytes(ca.certificatePem),
        certificate: bytes(credentials.certificatePem),
        key: bytes(credentials.privateKeyPem),
      });
      using etcd = client(right.endpoints, { tls: tls(other) });
      await eventually(() => etcd.txn(put('/tls')), 10_000);
      using stranger = client(right.endpoints, { tls: tls(strange) });
      await expect(stranger.header()).rejects.toMatchObject({ code: 'unavailable' });
      using misled = client(wrong.endpoints, { tls: tls(member) });
      await expect(misled.header()).rejects.toThrow(/does not match certificate|No connection established/);
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  },
);

test('the lead goes to the member that is named, when the one that leads is asked', async () => {
  await using server = await startEtcd({ members: 3 });
  using any = client(server.endpoints);
  const leader = await any.leader();
  const names = new Map((await any.members()).map(({ id, name }) => [id, name]));
  const other = [...names.keys()].find((id) => id !== leader) ?? '';
  const url = (id: string): string => server.members.find(({ name }) => name === names.get(id))?.url ?? '';
  using there = client([url(other)]);
  expect(failureCode(await there.moveLeader(leader).catch((thrown: unknown) => thrown))).toBe('rejected');
  using here = client([url(leader)]);
  await here.moveLeader(other);
  await eventually(async () => (await there.leader()) === other, 5_000);
});
