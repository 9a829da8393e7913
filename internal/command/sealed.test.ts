import { diffieHellman, generateKeyPairSync } from 'node:crypto';
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { describe, expect, test } from 'vitest';
import { recipientText } from '#internal/age/age.ts';
import { isRefusal } from '#internal/errors/errors.ts';
import type { Node, Pop, Tunnel } from '#internal/gen/pop44/store/v1/records_pb.ts';
import {
  GetPopAccessKeyRequestSchema,
  SetNodeSealingKeyRequestSchema,
  SetPopAccessKeyRequestSchema,
} from '#internal/gen/pop44/v1/fabric_pb.ts';
import { GetSealingRecipientsRequestSchema } from '#internal/gen/pop44/v1/tunnels_pb.ts';
import { fold, type Snapshot } from '#internal/model/model.ts';
import { makeIdentity, recipientOf, seal } from '#internal/sealing/sealing.ts';
import { commandContext } from '#internal/testkit/command-context.ts';
import { decisionOf, nodeOf, popOf } from '#internal/testkit/fabric-requests.ts';
import { testKey, threePops } from '#internal/testkit/three-pops.ts';
import { altered, createIn, key, updateIn } from '#internal/testkit/tunnel-requests.ts';
import { publicObject } from '#internal/x25519/x25519.ts';
import { popAccessKey, sealingRecipients, setNodeSealingKey, setPopAccessKey } from './command.ts';

const recipients = {
  p1: recipientOf(makeIdentity()),
  p2: recipientOf(makeIdentity()),
  p3: recipientOf(makeIdentity()),
};

/** The three PoPs, whose nodes have sealing keys; `t1` exists. */
const sealing = ((): Snapshot => {
  const plain = threePops(1);
  const events = Object.entries(recipients).map(([id, sealingPublicKey]) => {
    const stored = plain.nodes.get(id);
    if (stored === undefined) throw new Error(id);
    return { kind: 'node', id, stored: { revision: 3n, record: { ...stored.record, sealingPublicKey } } } as const;
  });
  return fold(plain, { revision: 3n, relisted: false, events }).snapshot;
})();

const secret = new Uint8Array(32).fill(0x5e);
const sealedTo = (...ids: readonly (keyof typeof recipients)[]): Record<string, Uint8Array> =>
  Object.fromEntries(ids.map((id) => [id, seal(secret, recipients[id])]));
const all = sealedTo('p1', 'p2', 'p3');

const recordOf = <T>(outcome: unknown, kind: string): T => {
  const write = decisionOf(outcome).writes.find((each) => each.kind === kind);
  if (write?.op !== 'put') throw new Error(`no ${kind} is put`);
  return write.record as T;
};
const reasonOf = (outcome: unknown): string =>
  isRefusal(outcome) ? `${outcome.refused} ${outcome.message}` : 'granted';

test('a pre-shared key goes into the record as it was sealed, and the answer only says that there is one [T6]', () => {
  const outcome = createIn(sealing, { sealedPresharedKey: all });
  expect(recordOf<Tunnel>(outcome, 'tunnel').sealedPresharedKey).toEqual(all);
  if (isRefusal(outcome)) throw new Error(outcome.message);
  expect(outcome.response.tunnel).toMatchObject({ hasPresharedKey: true, nodesWithoutPresharedKey: [] });
  expect(outcome.response).not.toHaveProperty('tunnel.sealedPresharedKey');
  const two = createIn(sealing, { popIds: ['p1', 'p2'], sealedPresharedKey: sealedTo('p1', 'p2') });
  expect(reasonOf(two)).toBe('granted');
});

test('an update takes another pre-shared key, or none any more; a change of something else leaves it', () => {
  const changed = updateIn(sealing, { sealedPresharedKey: { byNode: all } });
  const tunnel = recordOf<Tunnel>(changed, 'tunnel');
  expect(tunnel.sealedPresharedKey).toEqual(all);
  const keyed = fold(sealing, {
    revision: 4n,
    relisted: false,
    events: [{ kind: 'tunnel', id: 't1', stored: { revision: 4n, record: tunnel } }],
  }).snapshot;
  expect(recordOf<Tunnel>(updateIn(keyed, { mtu: 1380 }), 'tunnel').sealedPresharedKey).toEqual(all);
  expect(recordOf<Tunnel>(updateIn(keyed, { sealedPresharedKey: {} }), 'tunnel').sealedPresharedKey).toEqual({});
});

const clear = Buffer.from(secret).toString('base64');
describe('what is no sealed key is refused, and not repeated [S5]', () => {
  test.each<[string, Record<string, Uint8Array>, string]>([
    ['a node is missing', sealedTo('p1', 'p3'), 'required tunnel.sealed_preshared_key[p2]: is missing'],
    ['a stranger', { ...all, p9: secret }, 'invalid tunnel.sealed_preshared_key: "p9" is no node that needs it'],
    ['@recovery', { ...all, '@recovery': seal(secret, recipients.p1) }, '"@recovery" is no node'],
    ['the secret itself', { ...all, p2: secret }, 'invalid tunnel.sealed_preshared_key[p2]: is no age file'],
    ['the secret in text', { ...all, p2: Buffer.from(clear) }, 'is no age file of at most 1024 bytes (it has 44)'],
    ['nothing', { ...all, p2: new Uint8Array() }, '(it has 0)'],
    ['too much', { ...all, p2: new Uint8Array(1_000_000) }, '(it has 1000000)'],
    ['a secret of another length', { ...all, p2: seal(new Uint8Array(33), recipients.p2) }, 'of exactly 32 bytes'],
  ])('%s', (_, sealedPresharedKey, message) => {
    for (const outcome of [
      createIn(sealing, { sealedPresharedKey }),
      updateIn(sealing, { sealedPresharedKey: { byNode: sealedPresharedKey } }),
    ]) {
      expect(reasonOf(outcome)).toContain(message);
      expect(JSON.stringify(outcome)).not.toContain(clear);
      expect(JSON.stringify(outcome)).not.toContain(Buffer.from(secret).toString('hex'));
    }
  });
});

const recipientsIn = (snapshot: Snapshot, rest: MessageInitShape<typeof GetSealingRecipientsRequestSchema>) =>
  sealingRecipients(snapshot, create(GetSealingRecipientsRequestSchema, rest), 'p1');

test('the recipients are the nodes of the placement, as a create would place it', () => {
  expect(recipientsIn(sealing, {})).toMatchObject({ recipients });
  expect(recipientsIn(sealing, { tunnel: 't1' })).toMatchObject({ recipients });
  expect(recipientsIn(sealing, { homePopId: 'p3', popIds: ['p2'] })).toHaveProperty('recipients', {
    p2: recipients.p2,
    p3: recipients.p3,
  });
  expect(reasonOf(recipientsIn(threePops(1), { tunnel: 't1' }))).toContain('not-ready node: "p1" has no sealing key');
  expect(reasonOf(recipientsIn(sealing, { tunnel: 't9' }))).toMatch(/^not-found/);
  expect(reasonOf(recipientsIn(sealing, { popIds: ['p9'] }))).toMatch(/^not-found/);
});

describe('a node and its sealing key', () => {
  const set = (nodeId: string, sealingPublicKey: string, snapshot = sealing) =>
    setNodeSealingKey(
      snapshot,
      create(SetNodeSealingKeyRequestSchema, { nodeId, sealingPublicKey }),
      commandContext(snapshot),
    );
  const fresh = recipientOf(makeIdentity());

  test('is created with it, or gets it later', () => {
    expect(recordOf<Node>(nodeOf({ sealingPublicKey: fresh }), 'node').sealingPublicKey).toBe(fresh);
    expect(recordOf<Node>(nodeOf(), 'node').sealingPublicKey).toBe('');
    expect(recordOf<Node>(set('p1', fresh), 'node').sealingPublicKey).toBe(fresh);
    expect(recordOf<Node>(set('p1', recipients.p1), 'node').sealingPublicKey).toBe(recipients.p1);
  });

  test('is refused one that is none, and one that another has', () => {
    const identity = makeIdentity();
    expect(reasonOf(set('p1', identity))).toMatch(/^invalid sealing_public_key: is not an age recipient/);
    expect(reasonOf(set('p1', identity))).not.toContain(identity.slice(20));
    expect(reasonOf(set('p1', 'age1qqqq'))).toMatch(/^invalid sealing_public_key: "age1qqqq" is not an age recipient/);
    expect(reasonOf(nodeOf({ sealingPublicKey: 'age1qqqq' }))).toMatch(/^invalid node.sealing_public_key/);
    expect(reasonOf(set('p1', ''))).toMatch(/^required/);
    expect(reasonOf(set('p9', fresh))).toMatch(/^not-found/);
    expect(reasonOf(set('p1', recipients.p2))).toMatch(/^duplicate-key .* is the key of node p2/);
    expect(reasonOf(nodeOf({ sealingPublicKey: recipients.p2 }, sealing))).toMatch(/^duplicate-key/);
  });
});

describe('the access key of a PoP', () => {
  const set = (rest: MessageInitShape<typeof SetPopAccessKeyRequestSchema>, snapshot = sealing) =>
    setPopAccessKey(
      snapshot,
      create(SetPopAccessKeyRequestSchema, { popId: 'p1', publicKey: testKey(101), ...rest }),
      commandContext(snapshot),
    );
  const sealed = { ...sealedTo('p1'), '@recovery': seal(secret, recipientOf(makeIdentity())) };

  test('is kept as it was sealed, shown to nobody who does not ask for it, and replaced as a whole', () => {
    const outcome = set({ sealed });
    const pop = recordOf<Pop>(outcome, 'pop');
    expect(pop.sealedAccessKey).toEqual(sealed);
    if (isRefusal(outcome)) throw new Error(outcome.message);
    expect(outcome.response.pop?.sealedAccessKey).toEqual({});
    const keyed = fold(sealing, {
      revision: 4n,
      relisted: false,
      events: [{ kind: 'pop', id: 'p1', stored: { revision: 4n, record: pop } }],
    }).snapshot;
    const shown = popAccessKey(keyed, create(GetPopAccessKeyRequestSchema, { popId: 'p1' }));
    expect(shown).toMatchObject({ publicKey: testKey(101), sealed, recipients: { p1: recipients.p1 } });
    expect(recordOf<Pop>(set({ sealed: sealedTo('p1') }, keyed), 'pop').sealedAccessKey).not.toHaveProperty(
      '@recovery',
    );
  });

  test.each<[string, MessageInitShape<typeof SetPopAccessKeyRequestSchema>, string]>([
    ['nothing sealed', { sealed: {} }, 'required sealed: is empty'],
    ['a node is missing', { sealed: { '@recovery': sealed['@recovery'] } }, 'required sealed[p1]: is missing'],
    ['a node of another PoP', { sealed: { ...sealed, ...sealedTo('p2') } }, 'invalid sealed: "p2" is no node'],
    ['a key in clear', { sealed: { p1: secret } }, 'invalid sealed[p1]: is no age file'],
    ['another public key', { sealed, publicKey: testKey(77) }, 'in-use public_key: '],
    ['a key of another PoP', { sealed, publicKey: testKey(102), replace: true }, 'duplicate-key public_key: '],
    ['a key of a tunnel', { sealed, publicKey: testKey(1), replace: true }, 'duplicate-key public_key: '],
    ['a key of low order', { sealed, publicKey: `${'A'.repeat(43)}=` }, 'invalid public_key: '],
    ['an unknown PoP', { sealed, popId: 'p9' }, 'not-found pop_id: "p9"'],
    ['a stale etag', { sealed, change: { etag: '99' } }, 'stale-etag'],
  ])('is refused: %s', (_, rest, message) => {
    const outcome = reasonOf(set(rest));
    expect(outcome).toContain(message);
    expect(outcome).not.toContain(clear);
  });

  test('is replaced by another when that is said', () => {
    const fresh = testKey(88);
    expect(recordOf<Pop>(set({ sealed, publicKey: fresh, replace: true }), 'pop').publicKey).toBe(fresh);
  });

  test('does not come with a PoP that is created: it has no nodes yet', () => {
    expect(reasonOf(popOf({ sealedAccessKey: sealed }))).toMatch(/^invalid pop.sealed_access_key/);
  });
});

// What libsodium refuses (crypto_scalarmult/curve25519/ref10): the points of order 1, 2, 4 and 8, and their spellings above
// the prime; RFC 7748 5 ignores the top bit, so that each has a twin.
const lowOrder = [
  '0000000000000000000000000000000000000000000000000000000000000000',
  '0100000000000000000000000000000000000000000000000000000000000000',
  'e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800',
  '5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
].flatMap((hex) => [hex, hex.slice(0, 62) + (Number.parseInt(hex.slice(62), 16) ^ 0x80).toString(16).padStart(2, '0')]);

/** OpenSSL's word: no secret can be agreed upon with that point. */
const isUseless = (hex: string): boolean => {
  const { privateKey } = generateKeyPairSync('x25519');
  try {
    diffieHellman({ privateKey, publicKey: publicObject(Buffer.from(hex, 'hex')) });
    return false;
  } catch {
    return true;
  }
};

test.each(lowOrder)('the point %s, of low order, is no key of anything [S5]', (hex) => {
  expect(isUseless(hex)).toBe(true);
  const publicKey = Buffer.from(hex, 'hex').toString('base64');
  for (const outcome of [
    createIn(sealing, { publicKey }),
    updateIn(sealing, { publicKey }),
    popOf({ publicKey }),
    nodeOf({ meshPublicKey: publicKey }),
    nodeOf({ interconnectPublicKey: publicKey }),
    nodeOf({ sealingPublicKey: recipientText(Buffer.from(hex, 'hex')) }),
  ])
    expect(reasonOf(outcome)).toMatch(/^invalid .*low order/);
});

test("somebody else's public key is refused", () => {
  expect(reasonOf(createIn(sealing, { publicKey: testKey(1) }))).toMatch(/^duplicate-key/);
  expect(reasonOf(updateIn(sealing, { publicKey: testKey(101) }))).toMatch(/^duplicate-key/);
  expect(reasonOf(createIn(altered('pop', 'p1', { publicKey: key }), {}))).toMatch(/^duplicate-key/);
});
