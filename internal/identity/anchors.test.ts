import { webcrypto, X509Certificate } from 'node:crypto';
import { array, assert, constant, constantFrom, option, property, record, uint8Array } from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { library } from './ca.ts';
import {
  type Authority,
  anchors,
  anchorsText,
  type AuthorityRecord,
  authorityId,
  createCa,
  heldIn,
  issueNodeCertificate,
  openAuthorities,
  openAuthority,
  problemOfAuthority,
} from './identity.ts';

const now = new Date('2026-11-25T12:00:00Z');
const dayMs = 24 * 3600_000;
const validity = { now, validForMs: 400 * dayMs };

interface Made {
  readonly x509: X509Certificate;
  readonly authority: Authority;
  readonly pem: string;
  readonly keyPem: string;
}
async function made(name: string, period = validity): Promise<Made> {
  const { certificatePem: pem, privateKeyPem: keyPem } = await createCa(name, period);
  return { x509: new X509Certificate(pem), authority: openAuthority({ keyPem, trustedPem: pem }), pem, keyPem };
}

let [a, b, c, stranger]: Made[] = [];
const all = (): [Made, Made, Made, Made] => {
  if (!a || !b || !c || !stranger) throw new Error('not made yet');
  return [a, b, c, stranger];
};
beforeAll(async () => {
  [a, b, c, stranger] = await Promise.all(['a', 'b', 'c', 'stranger'].map((name) => made(name)));
});

const none = new Uint8Array();
const recordOf = (of: Made, by?: Made, change: Partial<AuthorityRecord> = {}): AuthorityRecord => ({
  id: of.authority.id,
  certificate: of.x509.raw,
  vouchedBy: by?.authority.id ?? '',
  voucher: by?.authority.say('voucher', of.authority.id) ?? none,
  retiredBy: '',
  retirement: none,
  ...change,
});
const retiredBy = (of: Made, by: Made): Partial<AuthorityRecord> => ({
  retiredAt: now,
  retiredBy: by.authority.id,
  retirement: by.authority.say('retirement', of.authority.id),
});
const names = (held: readonly Made[], records: readonly AuthorityRecord[], own = '', at = now) => {
  const { trusted, doubts } = anchors(
    { certificates: held.map(({ x509 }) => x509), retired: new Set() },
    records,
    own,
    at,
  );
  return { trusted: trusted.map(({ subject }) => subject.replace('CN=', '')).join(' '), doubts: doubts.length };
};

describe('whom a node trusts [S6]', () => {
  test('one that the CA it trusts has vouched for, and a chain of them in any order', () => {
    const [first, second, third] = all();
    const records = [recordOf(first), recordOf(second, first), recordOf(third, second)];
    expect(names([first], records)).toEqual({ trusted: 'a b c', doubts: 0 });
    expect(names([first], records.toReversed())).toEqual({ trusted: 'a b c', doubts: 0 });
  });

  test('nobody by the word of the store alone', () => {
    const [first, second, third, fourth] = all();
    const { voucher } = recordOf(second, first);
    const refused: readonly AuthorityRecord[] = [
      recordOf(fourth),
      recordOf(fourth, fourth),
      recordOf(fourth, second),
      recordOf(fourth, first, { voucher }),
      recordOf(fourth, first, { voucher: first.authority.say('retirement', fourth.authority.id) }),
      recordOf(fourth, first, { certificate: third.x509.raw }),
      recordOf(fourth, first, { certificate: new Uint8Array(9) }),
      recordOf(fourth, undefined, { vouchedBy: first.authority.id, voucher: new Uint8Array(9) }),
    ];
    for (const record of refused) expect(names([first], [record])).toEqual({ trusted: 'a', doubts: 1 });
  });

  test('none that has ended, has not begun, or may not sign', async () => {
    const [first] = all();
    const late = await made('late', { now: new Date(now.getTime() + 2 * dayMs), validForMs: dayMs });
    expect(names([first], [recordOf(late, first)]).trusted).toBe('a');
    expect(names([first], [recordOf(late, first)], '', new Date(now.getTime() + 2.5 * dayMs)).trusted).toBe('a late');
    expect(names([first], [recordOf(late, first)], '', new Date(now.getTime() + 4 * dayMs)).trusted).toBe('a');
    const leaf = await issueNodeCertificate(
      { certificatePem: first.pem, privateKeyPem: first.keyPem },
      { id: 'p1', addresses: [] },
      validity,
    );
    const x509 = new X509Certificate(leaf.certificatePem);
    expect(problemOfAuthority(x509, now)).toMatch(/not that of a CA/);
    const id = authorityId(x509);
    const record = recordOf(first, first, { id, certificate: x509.raw, voucher: first.authority.say('voucher', id) });
    expect(names([first], [record])).toEqual({ trusted: 'a', doubts: 1 });
  });

  test('no more one that another retired, but for its own', () => {
    const [first, second] = all();
    const before = recordOf(first, undefined, retiredBy(first, second));
    const records = [before, recordOf(second, first)];
    expect(names([first, second], records, second.authority.id)).toEqual({ trusted: 'b', doubts: 0 });
    // One that was away learns both at once.
    expect(names([first], records, second.authority.id)).toEqual({ trusted: 'b', doubts: 0 });
    expect(names([first, second], records, first.authority.id)).toEqual({ trusted: 'a b', doubts: 1 });
  });

  test('never again one that was retired, whatever the store is set back to', () => {
    const [first, second] = all();
    // Added, taken back, and there again as it was added.
    const added = recordOf(second, first);
    const before = { certificates: [first.x509, second.x509], retired: new Set<string>() };
    const taken = anchors(before, [{ ...added, ...retiredBy(second, first) }], first.authority.id, now);
    expect(taken).toMatchObject({ retired: [second.authority.id], doubts: [] });
    const held = heldIn(anchorsText(taken));
    expect(held.certificates.map(authorityId)).toEqual([first.authority.id]);
    const again = anchors(held, [added], first.authority.id, now);
    expect(again.trusted.map(authorityId)).toEqual([first.authority.id]);
    expect(again.doubts).toEqual([expect.stringContaining('it was retired before')]);
    // One that was away when it came and went knows as well.
    const away = anchors(heldIn(first.pem), [{ ...added, ...retiredBy(second, first) }], first.authority.id, now);
    expect(away).toMatchObject({ retired: [second.authority.id], doubts: [] });
  });

  test('still one that nobody else has retired', () => {
    const [first, second, , fourth] = all();
    const both = [first, second];
    const next = recordOf(second, first);
    for (const change of [
      retiredBy(first, first),
      retiredBy(first, fourth),
      { ...retiredBy(first, second), retirement: second.authority.say('voucher', first.authority.id) },
      { ...retiredBy(first, second), retirement: none },
    ])
      expect(names(both, [recordOf(first, undefined, change), next])).toEqual({ trusted: 'a b', doubts: 1 });
    // Not even each other: one is left.
    const mutual = [recordOf(first, undefined, retiredBy(first, second)), { ...next, ...retiredBy(second, first) }];
    expect(names(both, mutual).trusted).toBe('b');
  });

  test('whatever stands in the records, none without a signature', () => {
    const [first] = all();
    const signature = uint8Array({ maxLength: 72 });
    const garbled = record({
      id: constantFrom(first.authority.id, 'ab'.repeat(32), 'x', ''),
      certificate: uint8Array({ maxLength: 40 }),
      vouchedBy: constantFrom(first.authority.id, 'ab'.repeat(32), ''),
      voucher: signature,
      retiredAt: option(constant(now), { nil: undefined }),
      retiredBy: constantFrom(first.authority.id, 'ab'.repeat(32), ''),
      retirement: signature,
    });
    assert(
      property(array(garbled, { maxLength: 5 }), (records) => {
        expect(names([first], records).trusted).toBe('a');
      }),
    );
  });
});

test.each([
  ['RSA of 1024 bits', { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256', modulusLength: 1_024 }, /rsa 1024/],
  ['RSA of 4096 bits', { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256', modulusLength: 4_096 }, /rsa 4096/],
  ['another curve', { name: 'ECDSA', hash: 'SHA-384', namedCurve: 'P-384' }, /ec secp384r1/],
])('a CA with a key of %s is none of ours [S6]', async (_, algorithm, problem) => {
  const x509 = await library();
  const parameters = { ...algorithm, publicExponent: new Uint8Array([1, 0, 1]) };
  const keys = await webcrypto.subtle.generateKey(parameters, true, ['sign', 'verify']);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: '01',
    name: 'CN=weak',
    notBefore: now,
    notAfter: new Date(now.getTime() + dayMs),
    keys,
    signingAlgorithm: algorithm,
    extensions: [new x509.BasicConstraintsExtension(true, 0, true)],
  });
  expect(problemOfAuthority(new X509Certificate(certificate.toString('pem')), now)).toMatch(problem);
});

test('a file of several keys is that of several CAs, as far as they are trusted [S6]', () => {
  const [first, second, third] = all();
  const trustedPem = `${first.pem}${second.pem}`;
  const ids = (keyPem: string) => openAuthorities({ keyPem, trustedPem }).map(({ id }) => id);
  expect(ids(`${third.keyPem}${second.keyPem}${first.keyPem}`)).toEqual([second.authority.id, first.authority.id]);
  // The machine stopped while the last one was written.
  expect(ids(`${first.keyPem}${second.keyPem.slice(0, 60)}`)).toEqual([first.authority.id]);
  expect(() => ids(third.keyPem)).toThrow('belongs to no certificate');
  expect(() => ids('x')).toThrow('not a private key in PEM');
});
