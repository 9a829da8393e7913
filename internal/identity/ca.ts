import { createPrivateKey, randomBytes, webcrypto } from 'node:crypto';

/** A certificate and its private key, both PEM (the key PKCS #8). */
export interface Credentials {
  readonly certificatePem: string;
  readonly privateKeyPem: string;
}

export type Ca = Credentials;

export interface Validity {
  readonly now: Date;
  /** Milliseconds from `now`. */
  readonly validForMs: number;
}

export const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };

// A peer whose clock is behind by less than this accepts a certificate made a moment ago. Of a short life a tenth, or
// the time before its birth would count most of it.
const backdatedMs = (validForMs: number): number => Math.min(5 * 60_000, validForMs / 10);

// Loaded when a certificate is made: a daemon only reads them, and the library with its polyfill costs 50 ms [measured].
export async function library(): Promise<typeof import('@peculiar/x509')> {
  await import('reflect-metadata');
  const x509 = await import('@peculiar/x509');
  x509.cryptoProvider.set(webcrypto);
  return x509;
}

// A node's id is one label of a DNS name (RFC 1123 2.1), because its server name is made from it.
const idForms = {
  node: /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/,
  web: /^[a-z0-9](?:[a-z0-9._-]{0,61}[a-z0-9])?$/,
  admin: /^[a-z0-9](?:[a-z0-9._-]{0,61}[a-z0-9])?$/,
} as const;

function principalUri(kind: keyof typeof idForms, id: string): string {
  if (!idForms[kind].test(id)) throw new RangeError(`${JSON.stringify(id)} cannot be the name of a ${kind}`);
  return `pop44://${kind}/${id}`;
}

export const newKeys = () => webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);

export async function keyPem(key: webcrypto.CryptoKey): Promise<string> {
  const pkcs8 = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', key));
  return createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' })
    .export({ format: 'pem', type: 'pkcs8' })
    .toString();
}

function signingKey(ca: Ca): Promise<webcrypto.CryptoKey> {
  const pkcs8 = createPrivateKey(ca.privateKeyPem).export({ format: 'der', type: 'pkcs8' });
  return webcrypto.subtle.importKey('pkcs8', pkcs8, algorithm, false, ['sign']);
}

// RFC 5280 4.1.2.2: positive, at most 20 octets; the leading 01 keeps it both positive and free of leading zeros.
const newSerial = (): string => `01${randomBytes(15).toString('hex')}`;

const period = (validity: Validity) => ({
  notBefore: new Date(validity.now.getTime() - backdatedMs(validity.validForMs)),
  notAfter: new Date(validity.now.getTime() + validity.validForMs),
});

/** A new self-signed CA that may sign end certificates and nothing below them. */
export async function createCa(name: string, validity: Validity): Promise<Ca> {
  const x509 = await library();
  const keys = await newKeys();
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: newSerial(),
    name: [{ CN: [name] }],
    ...period(validity),
    keys,
    signingAlgorithm: algorithm,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return { certificatePem: certificate.toString('pem'), privateKeyPem: await keyPem(keys.privateKey) };
}

type Name = { readonly type: 'url' | 'dns' | 'ip'; readonly value: string };

interface Wanted {
  readonly subject: string;
  readonly names: readonly Name[];
  readonly usages: readonly ('serverAuth' | 'clientAuth')[];
}

async function issue(ca: Ca, wanted: Wanted, validity: Validity): Promise<Credentials> {
  const keys = await newKeys();
  const spki = Buffer.from(await webcrypto.subtle.exportKey('spki', keys.publicKey));
  return { certificatePem: await sign(ca, wanted, validity, spki), privateKeyPem: await keyPem(keys.privateKey) };
}

/** @param spki DER of the SubjectPublicKeyInfo */
async function sign(
  ca: Ca,
  { subject, names, usages }: Wanted,
  validity: Validity,
  spki: Uint8Array<ArrayBuffer>,
): Promise<string> {
  const x509 = await library();
  const issuer = new x509.X509Certificate(ca.certificatePem);
  const publicKey = new x509.PublicKey(spki);
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: newSerial(),
    subject: [{ CN: [subject] }],
    issuer: issuer.subjectName,
    ...period(validity),
    publicKey,
    signingKey: await signingKey(ca),
    signingAlgorithm: algorithm,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension(usages.map((usage) => x509.ExtendedKeyUsage[usage])),
      new x509.SubjectAlternativeNameExtension([...names]),
      await x509.AuthorityKeyIdentifierExtension.create(await issuer.publicKey.export()),
      await x509.SubjectKeyIdentifierExtension.create(publicKey),
    ],
  });
  return certificate.toString('pem');
}

/**
 * A node's certificate, for both sides of a connection (an etcd member is its peers' client with the same one).
 * `addresses`: IP addresses, without prefix length, at which etcd clients verify it. Throws RangeError for a bad id.
 */
export async function issueNodeCertificate(ca: Ca, node: NodeNames, validity: Validity): Promise<Credentials> {
  return issue(ca, nodeWanted(node), validity);
}

/** As issueNodeCertificate, for a key whose private part is elsewhere. @param spki DER. Gives the certificate as PEM. */
export async function signNodeCertificate(
  ca: Ca,
  node: NodeNames,
  validity: Validity,
  spki: Uint8Array<ArrayBuffer>,
): Promise<string> {
  return sign(ca, nodeWanted(node), validity, spki);
}

export interface NodeNames {
  readonly id: string;
  readonly addresses: readonly string[];
}

function nodeWanted({ id, addresses }: NodeNames): Wanted {
  const serverName = `${id}.node.pop44`;
  const names: Name[] = [
    { type: 'url', value: principalUri('node', id) },
    { type: 'dns', value: serverName },
    ...addresses.map((value) => ({ type: 'ip', value }) as const),
  ];
  return { subject: serverName, names, usages: ['serverAuth', 'clientAuth'] };
}

/** An admin's certificate: a client's only. Throws RangeError for a bad name. */
export async function issueAdminCertificate(ca: Ca, name: string, validity: Validity): Promise<Credentials> {
  return issue(ca, adminWanted(name), validity);
}

/** As issueAdminCertificate, for a key whose private part is elsewhere. @param spki DER. Gives the certificate as PEM. */
export async function signAdminCertificate(
  ca: Ca,
  name: string,
  validity: Validity,
  spki: Uint8Array<ArrayBuffer>,
): Promise<string> {
  return sign(ca, adminWanted(name), validity, spki);
}

const adminWanted = (name: string): Wanted => ({
  subject: name,
  names: [{ type: 'url', value: principalUri('admin', name) }],
  usages: ['clientAuth'],
});

/** What a front is called: its principal, and the names and addresses by which browsers reach it, if the CA vouches for them. */
export interface WebNames {
  readonly name: string;
  readonly hosts: readonly string[];
  readonly addresses: readonly string[];
}

/**
 * The certificate of a front (pop44-web): what it shows daemons, and browsers that trust the CA, as those of a lab do.
 * Throws RangeError for a bad name.
 */
export async function issueWebCertificate(ca: Ca, { name, hosts, addresses }: WebNames, validity: Validity) {
  const names: Name[] = [
    { type: 'url', value: principalUri('web', name) },
    ...hosts.map((value) => ({ type: 'dns', value }) as const),
    ...addresses.map((value) => ({ type: 'ip', value }) as const),
  ];
  return issue(ca, { subject: name, names, usages: ['serverAuth', 'clientAuth'] }, validity);
}
