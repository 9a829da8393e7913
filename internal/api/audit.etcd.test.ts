import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fromBinary, toBinary } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { realClock } from '#internal/clock/clock.ts';
import { AuditHeadsSchema, type SignedHeads, SignedHeadsSchema } from '#internal/gen/pop44/store/v1/records_pb.ts';
import { AuditService } from '#internal/gen/pop44/v1/audit_pb.ts';
import { FabricService } from '#internal/gen/pop44/v1/fabric_pb.ts';
import { PeopleService } from '#internal/gen/pop44/v1/people_pb.ts';
import { PoolService } from '#internal/gen/pop44/v1/pools_pb.ts';
import { TunnelService } from '#internal/gen/pop44/v1/tunnels_pb.ts';
import { createCa, issueNodeCertificate } from '#internal/identity/identity.ts';
import { goodPassword, newSecret } from '#internal/testkit/accounts.ts';
import { apiClient } from '#internal/testkit/api-client.ts';
import { type ApiDaemon, type ApiNetwork, apiNetwork } from '#internal/testkit/api-network.ts';
import { cli } from '#internal/testkit/cli-world.ts';
import { startEtcd, type TestEtcd } from '#internal/testkit/etcd.ts';
import { type EtcdSide, etcdSide } from '#internal/testkit/etcd-side.ts';
import { createSmallFabric, publicKey } from '#internal/testkit/requests.ts';
import { putRealm, rawAt } from '#internal/testkit/stores.ts';
import { signHeads } from '#internal/vouching/vouching.ts';

const folder = mkdtempSync(join(tmpdir(), 'pop44-audit-'));
const sides: EtcdSide[] = [];
/** How often etcd was made to sort all records. */
let asked = 0;
let etcd: TestEtcd;
let network: ApiNetwork;
let a: ApiDaemon;
beforeAll(async () => {
  etcd = await startEtcd();
  network = await apiNetwork(
    (onAdvance) => {
      const side = etcdSide(etcd.member.url, onAdvance);
      sides.push(side);
      const store = {
        ...side.store,
        newestAudit: (limit: number, before?: bigint) => {
          asked += 1;
          return side.store.newestAudit(limit, before);
        },
      };
      return { ...side, store, pause: () => {}, resume: () => {} };
    },
    ['p1'],
  );
  [a] = network.daemons as [ApiDaemon];
  await createSmallFabric(network.as(FabricService, a), network.as(PoolService, a), 2);
});
afterAll(async () => {
  await network[Symbol.asyncDispose]();
  for (const side of sides) side[Symbol.dispose]();
  await etcd[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true });
});

const audit = () => network.as(AuditService, a);
const people = () => network.as(PeopleService, a);
const run = (line: string) => cli(apiClient(network, a), line);

test('each change of a person stands there: by whom, from where, what, and nothing secret [S8]', async () => {
  await people().bootstrap({ callsign: 'OE1ADM', email: 'adm@example.org', password: goodPassword });
  const { bearer, secretHash } = newSecret();
  await people().login({ name: 'OE1ADM', password: goodPassword, secretHash });
  const mine = network.bearing(PeopleService, a, bearer);
  const id = (await mine.whoAmI({})).user?.id ?? '';
  const sinceMs = Date.now();
  const { tunnel } = await network
    .bearing(TunnelService, a, bearer)
    .createTunnel({ name: 'audited', publicKey: publicKey() });
  const { lines } = await audit().listAudit({ by: 'oe1adm' });
  expect(lines[0]).toMatchObject({
    ...{
      principal: `user/${id}`,
      method: '/pop44.v1.TunnelService/CreateTunnel',
      source: '127.0.0.1',
      nodeId: 'p1',
      refused: '',
    },
    changes: expect.arrayContaining([`put tunnel/${tunnel?.id}`]) as unknown,
  });
  expect((await audit().listAudit({ object: `tunnel/${tunnel?.id}` })).lines).toHaveLength(1);
  expect((await audit().listAudit({ by: 'admin/ada', object: 'people/bootstrap' })).lines).toHaveLength(1);
  expect((await audit().listAudit({ since: timestampFromMs(sinceMs) })).lines).toHaveLength(1);
  expect((await audit().listAudit({ until: timestampFromMs(sinceMs - 3_600_000) })).lines).toEqual([]);
  // In pages, the newest first, none twice.
  const seen: bigint[] = [];
  let pageToken = '';
  do {
    const page = await audit().listAudit({ pageSize: 3, pageToken });
    seen.push(...page.lines.map(({ revision }) => revision));
    pageToken = page.nextPageToken;
  } while (pageToken !== '');
  expect(seen).toEqual([...new Set(seen)].sort((x, y) => Number(y - x)));
  expect(seen.length).toBeGreaterThan(8);
  using raw = rawAt(etcd.endpoints);
  const stored = (await raw.list('/pop44/')).entries
    .map(({ value }) => Buffer.from(value).toString('latin1'))
    .join('\n');
  expect(stored).not.toContain(goodPassword);
  expect(stored).not.toContain(Buffer.from(bearer.slice(6), 'base64url').toString('latin1'));
  await expect(audit().listAudit({ pageSize: 5_000 })).rejects.toMatchObject({ refusal: { field: 'page_size' } });
  await expect(audit().listAudit({ pageToken: 'x' })).rejects.toMatchObject({ refusal: { field: 'page_token' } });
});

test('the command line lists, verifies, exports and trims; what goes on is verified against what went [S8]', async () => {
  expect((await run('audit list --by OE1ADM --limit 1')).stdout).toContain('TunnelService/CreateTunnel');
  expect(await run('audit verify')).toMatchObject({
    code: 0,
    stderr: expect.stringMatching(/^\d+ records in \d+ chains/) as unknown,
  });
  const file = join(folder, 'export.jsonl');
  expect((await run(`audit export ${file}`)).code).toBe(0);
  const lines = readFileSync(file, 'utf8').trimEnd().split('\n');
  expect(lines.length).toBeGreaterThan(8);
  expect(JSON.parse(lines[0] ?? '')).toMatchObject({
    key: expect.stringMatching(/^\/pop44\/log\/v1\/audit\/p1\//) as unknown,
  });
  expect((await run(`audit export ${file}`)).code).toBe(2);
  expect((await run('audit export - --trim')).code).toBe(2);
  const trimmed = await run(`audit export ${join(folder, 'second.jsonl')} --trim`);
  expect(trimmed, trimmed.stderr).toMatchObject({
    code: 0,
    stderr: expect.stringMatching(/[1-9]\d* records taken away/) as unknown,
  });
  const left = await audit().listAudit({});
  expect(left.lines.map(({ changes }) => changes[0])).toEqual([
    expect.stringMatching(/^trim \/pop44\/log\/v1\/audit\/p1\//),
  ]);
  await network.as(TunnelService, a).createTunnel({ name: 'after', publicKey: publicKey() });
  expect(await audit().verifyAudit({})).toMatchObject({ problems: [] });
  // Who trims what is not what was exported is refused.
  const [record] = await Array.fromAsync(audit().exportAudit({}), ({ records }) => records[0]);
  const wrong = audit().trimAudit({ chains: [{ key: record?.key ?? '', hash: new Uint8Array(32) }] });
  await expect(wrong).rejects.toMatchObject({ refusal: { refused: 'conflict' } });
});

let doubted: readonly string[] = [];
/** As the daemon of that node does, hour by hour. */
async function sign(nodeId: string, last?: SignedHeads): Promise<SignedHeads> {
  const identity = await network.identityOf('node', nodeId);
  const [side] = sides as [EtcdSide];
  const parts = { nodeId, clock: realClock, store: side.store, identity: () => identity, cores: () => ['p1', 'p2'] };
  return signHeads(
    {
      ...parts,
      doubts: (nodeIds) => {
        doubted = nodeIds;
      },
      failed: (reason) => expect.fail(reason),
    },
    last,
  );
}
const problems = async () => (await audit().verifyAudit({})).problems;

test('what another daemon has signed shows that a log was cut or changed, and whose; nothing is signed over it [S8]', async () => {
  using raw = rawAt(etcd.endpoints);
  await network.as(TunnelService, a).createTunnel({ name: 'signed', publicKey: publicKey() });
  await sign('p2');
  expect(await run('audit verify')).toMatchObject({
    code: 0,
    stderr: expect.stringMatching(
      / p1 has signed nothing\n {2}p2 has signed the ends of [1-9]\d* chains at /,
    ) as unknown,
  });
  const { entries } = await raw.list('/pop44/log/v1/audit/p1/');
  const last = entries.reduce((newest, each) => (each.modRevision > newest.modRevision ? each : newest));
  const [key, value] = [last.key, Buffer.from(last.value)];
  // The end of a chain: what is left of it is whole.
  await raw.write(key);
  const cut = expect.stringMatching(
    `^the log of p1 was cut: ${key} is not there, and was when p2 signed it at 20`,
  ) as unknown;
  expect(await problems()).toEqual([cut]);
  expect(await run('audit verify')).toMatchObject({ code: 1 });
  // The next hour, and after a start of the daemon.
  await sign('p2');
  expect(doubted).toEqual(['p1']);
  expect(await problems()).toEqual([cut]);
  await raw.write(key, Buffer.concat([value, Buffer.from([0xa2, 0x1f, 1, 0x78])]));
  await sign('p2');
  expect([doubted, await problems()]).toEqual([
    ['p1'],
    [expect.stringMatching(`^the log of p1 was changed: ${key} is not what it was when p2`)],
  ]);
  await raw.write(key, value);
  await sign('p2');
  expect([doubted, await problems()]).toEqual([[], []]);
});

test('heads that a daemon has not signed itself are not believed, and those that were taken away are missed [S8] [S6]', async () => {
  using raw = rawAt(etcd.endpoints);
  const at = (nodeId: string) => `/pop44/log/v1/heads/${nodeId}`;
  const mine = await sign('p2');
  const { entry } = await raw.get(at('p2'));
  const kept = Buffer.from(entry?.value ?? []);
  const record = fromBinary(AuditHeadsSchema, kept);
  const forged = { ...mine, heads: [] };
  await raw.write(at('p2'), toBinary(AuditHeadsSchema, { ...record, signed: toBinary(SignedHeadsSchema, forged) }));
  expect(await problems()).toEqual(['the heads that p2 has signed are not as it has signed them']);
  // What the process remembers it goes on from, whatever stands there.
  await raw.write(at('p2'));
  expect((await sign('p2', mine)).heads.length).toBeGreaterThan(0);
  await raw.write(at('p1'), kept);
  expect(await problems()).toEqual(['the heads that p1 has signed are not its own']);
  // By somebody who has a CA of his own.
  const foreign = await createCa('foreign', { now: realClock.wall(), validForMs: 3_600_000 });
  const { certificatePem, privateKeyPem } = await issueNodeCertificate(
    foreign,
    { id: 'p1', addresses: [] },
    { now: realClock.wall(), validForMs: 3_600_000 },
  );
  const [side] = sides as [EtcdSide];
  const identity = { ca: foreign.certificatePem, certificate: certificatePem, key: privateKeyPem };
  const parts = { nodeId: 'p1', clock: realClock, store: side.store, identity: () => identity, cores: () => ['p1'] };
  await signHeads({ ...parts, doubts: () => {}, failed: () => {} }, undefined);
  expect(await problems()).toEqual([
    'the heads that p1 has signed are signed with a certificate of no CA that is trusted',
  ]);
  await raw.write(at('p1'));
  await sign('p1');
  await raw.write(at('p2'));
  expect(await problems()).toEqual([
    expect.stringMatching(/^the heads that p2 has signed were taken away or set back: p1 has seen those of 20/),
  ]);
  await sign('p2');
  await sign('p1');
  expect([doubted, await problems()]).toEqual([[], []]);
});

test('what was exported and trimmed is no log that was cut [S8]', async () => {
  await network.as(TunnelService, a).createTunnel({ name: 'trimmed', publicKey: publicKey() });
  await sign('p2');
  expect((await run(`audit export ${join(folder, 'third.jsonl')} --trim`)).code).toBe(0);
  expect(await problems()).toEqual([]);
  await sign('p2');
  expect([doubted, await problems()]).toEqual([[], []]);
});

test('a record that was changed or taken away shows [S8]', async () => {
  for (let n = 0; n < 3; n += 1)
    await network.as(TunnelService, a).createTunnel({ name: `v${n}`, publicKey: publicKey() });
  using raw = rawAt(etcd.endpoints);
  const { entries } = await raw.list('/pop44/log/v1/audit/');
  const victim = entries.at(-2);
  const kept = Buffer.from(victim?.value ?? []);
  await raw.write(victim?.key ?? '', Buffer.concat([kept, Buffer.from([0xa2, 0x1f, 1, 0x78])]));
  const changed = await run('audit verify');
  expect([changed.code, changed.stderr]).toEqual([1, expect.stringContaining('are not as they were')]);
  await raw.write(victim?.key ?? '');
  expect((await audit().verifyAudit({})).problems).toEqual([expect.stringMatching(/follows number/)]);
});

test('a search through many records has etcd sort them once, and its pages join without a seam [S8]', async () => {
  const [side] = sides as [EtcdSide];
  const commits = Array.from({ length: 620 }, (_, n) => side.store.commit(putRealm(`many${n}`), undefined));
  await Promise.all(commits);
  asked = 0;
  expect(await audit().listAudit({ object: 'of/this/there/is/none' })).toMatchObject({ lines: [], nextPageToken: '' });
  expect(asked).toBe(1);
  const seen: string[] = [];
  let pageToken = '';
  do {
    const page = await audit().listAudit({ object: 'realm/many', pageSize: 250, pageToken });
    seen.push(...page.lines.flatMap(({ changes }) => changes));
    pageToken = page.nextPageToken;
  } while (pageToken !== '');
  expect([seen.length, new Set(seen).size]).toEqual([620, 620]);
});
