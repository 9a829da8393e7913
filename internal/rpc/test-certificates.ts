// Test certificates: a CA of a test's own and what it signs, good and bad.

// tsyringe, inside @peculiar/x509, wants it before anything else.
import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import {
  BasicConstraintsExtension,
  SubjectAlternativeNameExtension,
  X509CertificateGenerator,
  type JsonGeneralNames,
} from '@peculiar/x509';
import type { Identity } from './credentials.ts';

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const dayMs = 86_400_000;
const generateKeys = () => webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);

async function keyPem(key: webcrypto.CryptoKey): Promise<string> {
  const body = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', key)).toString('base64');
  return `-----BEGIN PRIVATE KEY-----\n${body}\n-----END PRIVATE KEY-----\n`;
}

export interface TestCa {
  readonly pem: string;
  /** `until`: days from now at which it ends; negative: expired. */
  issue(names: JsonGeneralNames, until?: number): Promise<Identity>;
  node(id: string): Promise<Identity>;
  admin(name: string): Promise<Identity>;
}

export async function testCa(): Promise<TestCa> {
  const keys = await generateKeys();
  const at = (days: number) => new Date(Date.now() + days * dayMs);
  const root = await X509CertificateGenerator.createSelfSigned(
    {
      name: 'CN=test',
      notBefore: at(-30),
      notAfter: at(30),
      keys,
      signingAlgorithm: algorithm,
      extensions: [new BasicConstraintsExtension(true, undefined, true)],
    },
    webcrypto,
  );
  const pem = root.toString('pem');
  const issue = async (names: JsonGeneralNames, until = 1): Promise<Identity> => {
    const own = await generateKeys();
    const certificate = await X509CertificateGenerator.create(
      {
        subject: 'CN=test leaf',
        issuer: root.subject,
        notBefore: at(-2),
        notAfter: at(until),
        signingKey: keys.privateKey,
        publicKey: own.publicKey,
        signingAlgorithm: algorithm,
        extensions: names.length === 0 ? [] : [new SubjectAlternativeNameExtension(names)],
      },
      webcrypto,
    );
    return { ca: pem, certificate: certificate.toString('pem'), key: await keyPem(own.privateKey) };
  };
  return {
    pem,
    issue,
    node: (id) =>
      issue([
        { type: 'url', value: `pop44://node/${id}` },
        { type: 'dns', value: `${id}.node.pop44` },
      ]),
    admin: (name) => issue([{ type: 'url', value: `pop44://admin/${name}` }]),
  };
}
