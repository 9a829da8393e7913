import { create } from '@bufbuild/protobuf';
import { timestampDate } from '@bufbuild/protobuf/wkt';
import { expect, test } from 'vitest';
import { isRefusal } from '#internal/errors/errors.ts';
import { JoinFactsSchema } from '#internal/gen/pop44/v1/join_pb.ts';
import { CreateJoinTokenRequestSchema, RevokeNodeRequestSchema } from '#internal/gen/pop44/v1/trust_pb.ts';
import { foldDecision, type Snapshot } from '#internal/model/model.ts';
import type { Decision } from '#internal/model/record.ts';
import { context, decisionOf, fabric, popOf } from '#internal/testkit/fabric-requests.ts';
import { testKey } from '#internal/testkit/three-pops.ts';
import { createJoinToken, joinNode, renewCertificate, revokeNode, type Signed } from './command.ts';

const carriedOut = (snapshot: Snapshot, decision: Decision): Snapshot => foldDecision(snapshot, decision).snapshot;

const world = carriedOut(fabric, decisionOf(popOf()));
const hash = new Uint8Array(32).fill(7);
const place = {
  ...{ id: 'p4', popId: 'p4', loopback4: '198.18.210.4', loopback6: '2001:db8:1:f4::1', underlay4: '198.18.4.2' },
};
const tokenOf = (snapshot: Snapshot, node: object = {}, rest: object = {}) =>
  createJoinToken(
    snapshot,
    create(CreateJoinTokenRequestSchema, { node: { ...place, ...node }, secretHash: hash, ...rest }),
    context,
  );
const made = (snapshot: Snapshot) => {
  const after = carriedOut(snapshot, decisionOf(tokenOf(snapshot)));
  const [id = ''] = [...after.jointokens.keys()].filter((key) => !snapshot.jointokens.has(key));
  return { after, id };
};
const signed: Signed = {
  ...{ pem: 'PEM', publicKeyHash: hash, authorityHash: hash, serial: '01' },
  ...{ notBefore: new Date(0), notAfter: new Date(1) },
};
const joinOf = (snapshot: Snapshot, tokenId: string, rest: object = {}, now = context.now) =>
  joinNode(
    snapshot,
    create(JoinFactsSchema, {
      ...{ tokenId, secretHash: hash, nodeId: 'p4', publicKeyHash: hash },
      ...{ meshPublicKey: testKey(401), interconnectPublicKey: testKey(402), ...rest },
    }),
    { ...context, now },
    signed,
  );
const word = (outcome: unknown): string => (isRefusal(outcome) ? outcome.refused : 'granted');

test('what a token leaves open is chosen, and kept from the next one [S6]', () => {
  const { after } = made(world);
  const [token] = [...after.jointokens.values()];
  expect(token?.record.node).toMatchObject({
    asn: 4_200_000_000,
    meshAddress: 'fd44:44::4',
    apiPort: 4440,
    meshPort: 51844,
  });
  const other = { id: 'p5', loopback4: '198.18.210.5', loopback6: '2001:db8:1:f5::1', underlay4: '198.18.5.2' };
  const second = tokenOf(after, other);
  expect(isRefusal(second) ? second : second.response.token?.node).toMatchObject({
    ...{ asn: 4_200_000_004, meshAddress: 'fd44:44::5' },
  });
});

test.each([
  ['no hash of a secret', {}, { secretHash: new Uint8Array() }, 'required'],
  ['a hash that is none', {}, { secretHash: new Uint8Array(31) }, 'invalid'],
  ['a moment', {}, { validSeconds: 1 }, 'invalid'],
  ['a year', {}, { validSeconds: 31_536_000 }, 'invalid'],
  ['a node that there is', { id: 'p1' }, {}, 'already-exists'],
  ['a PoP that there is not', { popId: 'p9' }, {}, 'not-found'],
  ['the loopback of another', { loopback4: '198.18.210.1' }, {}, 'already-exists'],
  ['a name with a metacharacter', { id: 'p4;' }, {}, 'invalid'],
  ['no address to be reached at', { underlay4: '' }, {}, 'required'],
] as const)('no token is made for %s [S6]', (_, node, rest, reason) => {
  expect(word(tokenOf(world, node, rest))).toBe(reason);
});

test('a token is used once, in time, by whoever has its secret, for its node [S6]', () => {
  const { after, id } = made(world);
  expect(word(joinOf(after, id, { secretHash: new Uint8Array(32) }))).toBe('unauthenticated');
  expect(word(joinOf(after, 'f'.repeat(16)))).toBe('unauthenticated');
  expect(word(joinOf(after, id, { nodeId: 'p3' }))).toBe('invalid');
  expect(word(joinOf(after, id, { meshPublicKey: '' }))).toBe('required');
  expect(word(joinOf(after, id, { meshPublicKey: world.nodes.get('p1')?.record.meshPublicKey }))).toBe('duplicate-key');
  expect(word(joinOf(after, id, {}, new Date(context.now.getTime() + 3_600_000)))).toBe('expired');
  const decision = decisionOf(joinOf(after, id));
  // One transaction: the node, its certificate, and the token that is used up.
  expect(decision.writes.map(({ kind }) => kind)).toEqual(expect.arrayContaining(['node', 'certificate', 'jointoken']));
  const compared = decision.compares.find(({ kind }) => kind === 'jointoken');
  expect(compared).toMatchObject({ id, revision: after.jointokens.get(id)?.revision });
  const joined = carriedOut(after, decision);
  expect(joined.nodes.get('p4')?.record).toMatchObject({ meshPublicKey: testKey(401), popId: 'p4' });
  expect(word(joinOf(joined, id))).toBe('used');
  // Its secret is in no record.
  expect(joined.jointokens.get(id)?.record.secretHash).toEqual(hash);
});

test('a revoked node is out at once, stays known, and joins again as what it was [S6]', () => {
  const first = made(world);
  const joined = carriedOut(first.after, decisionOf(joinOf(first.after, first.id)));
  const revoke = (snapshot: Snapshot) => revokeNode(snapshot, create(RevokeNodeRequestSchema, { node: 'p4' }), context);
  const out = carriedOut(joined, decisionOf(revoke(joined)));
  const { revokedAt } = out.nodes.get('p4')?.record ?? {};
  expect(revokedAt && timestampDate(revokedAt)).toEqual(context.now);
  expect(out.certificates.has('p4')).toBe(false);
  expect(word(revoke(out))).toBe('revoked');
  expect(word(renewCertificate(out, 'p4', signed))).toBe('revoked');
  const again = createJoinToken(
    out,
    create(CreateJoinTokenRequestSchema, { node: { id: 'p4' }, secretHash: hash }),
    context,
  );
  expect(isRefusal(again) ? again : again.response.token?.node).toMatchObject({ ...place, asn: 4_200_000_000 });
  const back = carriedOut(out, decisionOf(again));
  const [id = ''] = [...back.jointokens.keys()].filter((key) => !out.jointokens.has(key));
  const returned = carriedOut(back, decisionOf(joinOf(back, id, { meshPublicKey: testKey(411) })));
  expect(returned.nodes.get('p4')?.record).toMatchObject({ meshPublicKey: testKey(411) });
  expect(returned.nodes.get('p4')?.record.revokedAt).toBeUndefined();
});

test('a certificate is renewed for the key that it was given for, and for a node in force [S6]', () => {
  expect(word(renewCertificate(world, 'p9', signed))).toBe('not-found');
  const once = carriedOut(world, decisionOf(renewCertificate(world, 'p1', signed)));
  expect(word(renewCertificate(once, 'p1', { ...signed, serial: '02' }))).toBe('granted');
  expect(word(renewCertificate(once, 'p1', { ...signed, publicKeyHash: new Uint8Array(32) }))).toBe('unauthenticated');
});
