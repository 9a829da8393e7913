import { X509Certificate } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { create } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { Map } from 'immutable';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { realClock } from '#internal/clock/clock.ts';
import { type Authority as AuthorityRecord, AuthoritySchema } from '#internal/gen/pop44/store/v1/records_pb.ts';
import { type Authority, createCa, issueNodeCertificate, openAuthority } from '#internal/identity/identity.ts';
import type { Log } from '#internal/log/log.ts';
import type { Snapshot } from '#internal/model/model.ts';
import type { Report } from '#internal/status/status.ts';
import { eventually } from '#internal/testkit/eventually.ts';
import { createKnownAuthorities, type KeptIdentity, type KnownAuthorities, openIdentity } from './trust.ts';

const now = new Date();
const validity = { now, validForMs: 400 * 24 * 3600_000 };
const at = timestampFromDate(now);
/** On a loaded machine. */
const soonMs = 10_000;

let directory: string;
let [first, second, stranger]: Authority[] = [];
let identity: KeptIdentity;
let known: KnownAuthorities;
let authorities: Snapshot['authorities'] = Map();
let told: readonly string[] = [];
const silent = { info: () => {}, warn: () => {}, error: () => {} } as unknown as Log;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'pop44-authorities-'));
  const made = await Promise.all(['a', 'b', 'stranger'].map((name) => createCa(name, validity)));
  [first, second, stranger] = made.map(({ certificatePem, privateKeyPem }) =>
    openAuthority({ keyPem: privateKeyPem, trustedPem: certificatePem }),
  );
  const [ca] = made;
  if (ca === undefined) throw new Error('no CA');
  const node = await issueNodeCertificate(ca, { id: 'p1', addresses: [] }, { now, validForMs: 3_600_000 });
  const text = { 'ca.pem': ca.certificatePem, 'node.pem': node.certificatePem, 'node.key': node.privateKeyPem };
  await Promise.all(Object.entries(text).map(([name, pem]) => writeFile(join(directory, name), pem)));
  identity = openIdentity({
    ...{ caFile: join(directory, 'ca.pem'), certificateFile: join(directory, 'node.pem') },
    keyFile: join(directory, 'node.key'),
  });
  authorities = Map();
  known = createKnownAuthorities({
    ...{ identity, clock: realClock, log: silent, snapshot: () => ({ authorities }) },
    status: {
      update: ({ trustedAuthorities }: Partial<Report>) => {
        told = trustedAuthorities ?? told;
      },
    },
  });
});
afterEach(() => rm(directory, { recursive: true, force: true }));

const of = (authority: Authority | undefined): Authority => {
  if (authority === undefined) throw new Error('not made');
  return authority;
};
function recorded(authority: Authority, by: Authority, change: Partial<AuthorityRecord> = {}): void {
  const record = create(AuthoritySchema, {
    ...{ id: authority.id, certificate: new Uint8Array(new X509Certificate(authority.certificatePem).raw) },
    ...{ addedAt: at, vouchedBy: by.id, voucher: by.say('voucher', authority.id) },
  });
  authorities = authorities.set(authority.id, { record: Object.assign(record, change), revision: 1n });
}
const inFile = () => readFile(join(directory, 'ca.pem'), 'utf8');
const both = () => `${of(first).certificatePem}${of(second).certificatePem}`;

test('a CA that ours has vouched for is trusted, in the file and in the report, and taken out when it was retired [S6]', async () => {
  expect(told).toEqual([of(first).id]);
  recorded(of(second), of(first));
  known.look();
  await eventually(async () => (await inFile()) === both(), soonMs);
  await eventually(() => told.length === 2, soonMs);
  expect(told).toEqual([of(first).id, of(second).id].sort());
  expect(String(identity.current().ca)).toBe(both());
  expect(known.alarms()).toEqual([]);

  // Ours, as long as our own certificate is of it.
  const retired = { retiredAt: at, retiredBy: of(second).id, retirement: of(second).say('retirement', of(first).id) };
  recorded(of(first), of(first), retired);
  known.look();
  await eventually(() => known.alarms().some((alarm) => alarm.includes('our own certificate is of it')), soonMs);
  expect(await inFile()).toBe(both());
});

test('a CA that a stranger has vouched for is not, and a person hears of it [S6]', async () => {
  const before = await inFile();
  recorded(of(second), of(stranger));
  known.look();
  await eventually(() => known.alarms().length === 1, soonMs);
  expect(known.alarms()[0]).toContain('nobody who is trusted has vouched for it');
  expect(await inFile()).toBe(before);
  authorities = Map();
  known.look();
  await eventually(() => known.alarms().length === 0, soonMs);
});

test('a file that cannot be written is told, nothing else has changed, and it is tried again [S6]', async () => {
  const before = await inFile();
  // In the way of what is moved over the file (root may write everywhere).
  await mkdir(join(directory, 'ca.pem.new'));
  recorded(of(second), of(first));
  known.look();
  await eventually(() => known.alarms().length === 1, soonMs);
  expect(known.alarms()[0]).toContain("are not in this node's file");
  expect(await inFile()).toBe(before);
  expect(String(identity.current().ca)).toBe(before);
  expect(told).toEqual([of(first).id]);
  await rm(join(directory, 'ca.pem.new'), { recursive: true });
  known.look();
  await eventually(() => told.length === 2, soonMs);
  expect(known.alarms()).toEqual([]);
});

test('the one that its own certificate is of is never taken out by hand either [S6]', async () => {
  const before = await inFile();
  await expect(
    identity.trust({ trusted: [new X509Certificate(of(second).certificatePem)], retired: [] }),
  ).rejects.toThrow('of none of the CAs');
  expect(await inFile()).toBe(before);
});
