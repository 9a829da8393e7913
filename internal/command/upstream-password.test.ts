import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { paddedPassword } from '#internal/dataplane/dataplane.ts';
import { isRefusal } from '#internal/errors/errors.ts';
import type { Upstream } from '#internal/gen/pop44/store/v1/records_pb.ts';
import { SetUpstreamPasswordRequestSchema } from '#internal/gen/pop44/v1/fabric_pb.ts';
import { fold, type Snapshot } from '#internal/model/model.ts';
import { makeIdentity, recipientOf, seal } from '#internal/sealing/sealing.ts';
import { commandContext } from '#internal/testkit/command-context.ts';
import { decisionOf, upstreamOf } from '#internal/testkit/fabric-requests.ts';
import { threePops } from '#internal/testkit/three-pops.ts';
import { setUpstreamPassword, upstreamsWithPassword } from './command.ts';

const recipient = recipientOf(makeIdentity());
const plain = threePops();
const changed = (snapshot: Snapshot, id: string, record: object): Snapshot => {
  const stored = snapshot.nodes.get(id);
  if (stored === undefined) throw new Error(id);
  const revision = snapshot.revision + 1n;
  const event = { kind: 'node', id, stored: { revision, record: { ...stored.record, ...record } } } as const;
  return fold(snapshot, { revision, relisted: false, events: [event] }).snapshot;
};
const sealing = changed(plain, 'p1', { sealingPublicKey: recipient });
const clear = paddedPassword('correct horse battery staple');
const sealed = { p1: seal(clear, recipient) };

const set = (rest: MessageInitShape<typeof SetUpstreamPasswordRequestSchema>, snapshot = sealing) =>
  setUpstreamPassword(
    snapshot,
    create(SetUpstreamPasswordRequestSchema, { upstream: 'p1-pop', sealed, ...rest }),
    commandContext(snapshot),
  );
const upstreamIn = (outcome: unknown): Upstream => {
  const write = decisionOf(outcome).writes.find(({ kind }) => kind === 'upstream');
  if (write?.op !== 'put' || write.kind !== 'upstream') throw new Error('no upstream is put');
  return write.record;
};
const reasonOf = (outcome: unknown): string =>
  isRefusal(outcome) ? `${outcome.refused} ${outcome.message}` : 'granted';
const after = (outcome: unknown): Snapshot => {
  const record = upstreamIn(outcome);
  const event = { kind: 'upstream', id: record.id, stored: { revision: 4n, record } } as const;
  return fold(sealing, { revision: 4n, relisted: false, events: [event] }).snapshot;
};

test('a password goes into the record as it was sealed, and no answer has it [N2] [S5]', () => {
  const outcome = set({});
  expect(upstreamIn(outcome).sealedPassword).toEqual(sealed);
  if (isRefusal(outcome)) throw new Error(outcome.message);
  expect(outcome.response.upstream).toMatchObject({ id: 'p1-pop', sealedPassword: {} });
  expect(upstreamsWithPassword(plain)).toEqual([]);
  expect(upstreamsWithPassword(after(outcome))).toEqual(['p1-pop']);
});

test('an upstream is created with one, keeps it, and loses it when that is said [N2]', () => {
  const made = upstreamOf({ sealedPassword: sealed }, sealing);
  expect(upstreamIn(made).sealedPassword).toEqual(sealed);
  if (isRefusal(made)) throw new Error(made.message);
  expect(made.response.upstream?.sealedPassword).toEqual({});
  expect(upstreamIn(set({ sealed: {} }, after(set({})))).sealedPassword).toEqual({});
});

test.each<[string, MessageInitShape<typeof SetUpstreamPasswordRequestSchema>, string]>([
  ['an unknown upstream', { upstream: 'u9' }, 'not-found upstream: "u9"'],
  ['a stale etag', { change: { etag: '99' } }, 'stale-etag'],
  ['none to take away', { sealed: {} }, 'invalid sealed: "p1-pop" has no password'],
  ['a node that does not speak with it', { sealed: { ...sealed, p2: seal(clear, recipient) } }, 'invalid sealed: "p2"'],
  ['its own node is missing', { sealed: { p2: seal(clear, recipient) } }, 'invalid sealed: "p2" is no node'],
  ['in clear', { sealed: { p1: clear } }, 'invalid sealed[p1]: is no age file'],
  ['of another length', { sealed: { p1: seal(new Uint8Array(32), recipient) } }, 'no secret of exactly 80 bytes'],
])('it is refused: %s', (_, rest, message) => {
  expect(reasonOf(set(rest))).toContain(message);
  expect(JSON.stringify(set(rest))).not.toContain('horse');
});

test('it is refused of a node that nothing can be sealed to, or that was revoked', () => {
  expect(reasonOf(set({}, plain))).toMatch(/^not-ready node: "p1" has no sealing key/);
  expect(reasonOf(upstreamOf({ sealedPassword: sealed }, plain))).toMatch(/^not-ready/);
  expect(reasonOf(set({}, changed(sealing, 'p1', { revokedAt: { seconds: 1n } })))).toMatch(/^revoked/);
});
