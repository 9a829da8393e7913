import { create } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { expect, test } from 'vitest';
import { isRefusal } from '#internal/errors/errors.ts';
import { JoinTokenSchema, NodeCertificateSchema, NodeSchema } from '#internal/gen/pop44/store/v1/records_pb.ts';
import { fold, type Snapshot } from '#internal/model/model.ts';
import type { Decision, RecordEvent } from '#internal/model/record.ts';
import { threePops } from '#internal/testkit/three-pops.ts';
import { addAuthority, renewCertificate, retireAuthority, type Signed, useAuthority } from './command.ts';

const now = new Date(1_760_000_000_000);
const later = (minutes: number): { readonly now: Date } => ({ now: new Date(now.getTime() + minutes * 60_000) });
const hash = (byte: number): Uint8Array => new Uint8Array(32).fill(byte);
const idOf = (byte: number): string => Buffer.from(hash(byte)).toString('hex');
const parsed = (byte: number) => ({ id: idOf(byte), certificate: new Uint8Array([byte]) });
const by = (byte: number) => ({ ...parsed(byte), voucher: new Uint8Array([byte]) });
const retiring = (byte: number, caller = false) => ({ by: { id: idOf(byte), retirement: hash(9) }, caller });
const everybody = (): boolean => true;
const word = (outcome: object): string => (isRefusal(outcome) ? outcome.refused : 'granted');
const obstacles = (outcome: object): readonly string[] => (isRefusal(outcome) ? (outcome.obstacles ?? []) : []);

function after(snapshot: Snapshot, ...events: readonly RecordEvent[]): Snapshot {
  return fold(snapshot, { revision: snapshot.revision + 1n, relisted: false, events }).snapshot;
}
function carriedOut(snapshot: Snapshot, outcome: object): Snapshot {
  if (isRefusal(outcome)) throw new Error(outcome.message);
  const { writes } = (outcome as { readonly decision: Decision }).decision;
  const revision = snapshot.revision + 1n;
  const events = writes.flatMap((write) =>
    write.op === 'put' ? [{ kind: write.kind, id: write.id, stored: { record: write.record, revision } }] : [],
  );
  return after(snapshot, ...(events as never as RecordEvent[]));
}
const certified = (snapshot: Snapshot, nodeId: string, byte: number): Snapshot =>
  after(snapshot, {
    kind: 'certificate',
    id: nodeId,
    stored: { record: create(NodeCertificateSchema, { nodeId, authorityHash: hash(byte) }), revision: 5n },
  });
const signedBy = (byte: number): Signed => ({
  ...{ pem: 'PEM', publicKeyHash: hash(7), authorityHash: hash(byte), serial: '01' },
  ...{ notBefore: now, notAfter: now },
});

const plain = threePops();
const added = carriedOut(plain, addAuthority(plain, parsed(2), { now }, by(1)));
const used = carriedOut(added, useAuthority(added, { id: idOf(2), without: [] }, later(1), everybody));
const renewed = ['p1', 'p2', 'p3'].reduce((snapshot, id) => certified(snapshot, id, 2), used);
const over = carriedOut(renewed, retireAuthority(renewed, { id: idOf(1) }, later(2), retiring(2)));

test('the first one has a record from then on that there is a second [S6]', () => {
  expect(plain.authorities.size).toBe(0);
  expect(added.authorities.get(idOf(1))?.record).toMatchObject({ vouchedBy: '', signsSince: timestampFromDate(now) });
  expect(added.authorities.get(idOf(2))?.record).toMatchObject({ vouchedBy: idOf(1), voucher: new Uint8Array([1]) });
  expect(added.authorities.get(idOf(2))?.record.signsSince).toBeUndefined();
});

test.each([
  ['the one that signs', 'already-exists', addAuthority(plain, parsed(1), { now }, by(1))],
  ['the same twice', 'already-exists', addAuthority(added, parsed(2), { now }, by(1))],
  ['a third', 'rotation-open', addAuthority(added, parsed(3), { now }, by(1))],
  ['one that was retired', 'revoked', addAuthority(over, parsed(1), { now }, by(2))],
  ['one that the one before vouches for', 'not-ready', addAuthority(used, parsed(3), { now }, by(1))],
])('%s is not added [S6]', (_, refused, outcome) => {
  expect(word(outcome)).toBe(refused);
});

test('after the first was retired a third may come [S6]', () => {
  expect(word(addAuthority(over, parsed(3), { now }, by(2)))).toBe('granted');
});

test('none signs that a node or a token does not know [S6]', () => {
  const use = (snapshot: Snapshot, trusts: (node: string) => boolean, without: readonly string[] = []) =>
    useAuthority(snapshot, { id: idOf(2).slice(0, 8), without: [...without] }, { now }, trusts);
  const behind = use(added, (node) => node === 'p1');
  expect(word(behind)).toBe('not-ready');
  expect(obstacles(behind)).toEqual(['p2', 'p3'].map((id) => `node ${id} does not say that it trusts it`));
  expect(word(use(added, (node) => node === 'p1', ['p2', 'p3']))).toBe('granted');
  expect(word(use(added, everybody, ['p9']))).toBe('not-found');

  const p3 = Object.assign(create(NodeSchema), added.nodes.get('p3')?.record, { revokedAt: timestampFromDate(now) });
  const without3 = after(added, { kind: 'node', id: 'p3', stored: { record: p3, revision: 8n } });
  expect(word(use(without3, (node) => node !== 'p3'))).toBe('granted');

  const token = (rest: object): Snapshot => {
    const record = create(JoinTokenSchema, { id: 'ab', node: { id: 'p4' }, ...rest });
    return after(added, { kind: 'jointoken', id: 'ab', stored: { record, revision: 8n } });
  };
  const expiresAt = timestampFromDate(later(5).now);
  expect(obstacles(use(token({ expiresAt }), everybody))).toEqual([
    `token ab for node p4 until ${later(5).now.toISOString()}`,
  ]);
  expect(word(use(token({ expiresAt, usedAt: expiresAt }), everybody))).toBe('granted');
  expect(word(use(token({ expiresAt: timestampFromDate(later(-5).now) }), everybody))).toBe('granted');
});

test.each([
  ['', 'required'],
  ['x', 'invalid'],
  ['0202020', 'invalid'],
  ['../../node/p1', 'invalid'],
  ['0303030303', 'not-found'],
  [idOf(1), 'already-exists'],
])('a CA named %j is not used [S6]', (id, refused) => {
  expect(word(useAuthority(added, { id, without: [] }, { now }, everybody))).toBe(refused);
});

test('the one before may sign again as long as nobody has retired it [S6]', () => {
  const back = carriedOut(used, useAuthority(used, { id: idOf(1), without: [] }, later(3), everybody));
  expect(word(renewCertificate(back, 'p1', signedBy(1)))).toBe('granted');
  expect(word(renewCertificate(back, 'p1', signedBy(2)))).toBe('not-ready');
  expect(word(useAuthority(over, { id: idOf(1), without: [] }, later(3), everybody))).toBe('revoked');
});

test('none is retired that signs, that a node has a certificate of, or whoever asks [S6]', () => {
  const retire = (snapshot: Snapshot, byte: number, signer: number, caller = false) =>
    retireAuthority(snapshot, { id: idOf(byte) }, later(4), retiring(signer, caller));
  expect(word(retire(used, 2, 2))).toBe('in-use');
  const behind = certified(certified(used, 'p1', 1), 'p2', 2);
  expect(obstacles(retire(behind, 1, 2, true))).toEqual([
    'node p1 has a certificate of it',
    'node p3 has a certificate that it has not renewed yet',
    'you call with a certificate of it (pop44 ca trust)',
  ]);
  expect(word(retire(renewed, 1, 2))).toBe('granted');
  expect(word(retire(renewed, 1, 1))).toBe('in-use');
  expect(word(retire(over, 1, 2))).toBe('revoked');
  // One that came and was never used is taken back at once.
  expect(word(retire(added, 2, 1))).toBe('granted');
});

test('a certificate is of the CA that signs when it is given, or is not given [S6]', () => {
  expect(word(renewCertificate(used, 'p1', signedBy(1)))).toBe('not-ready');
  const outcome = renewCertificate(used, 'p1', signedBy(2));
  if (isRefusal(outcome)) throw new Error(outcome.message);
  // So that none of the one before is written beside the change.
  const compared = outcome.decision.compares.filter(({ kind }) => kind === 'authority').map(({ id }) => id);
  expect(compared).toEqual([idOf(1), idOf(2)]);
});
