import { spawnSync } from 'node:child_process';
import { X509Certificate, createPrivateKey } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { checkServerIdentity, connect, createServer } from 'node:tls';
import type { TLSSocket } from 'node:tls';
import { expect, test } from 'vitest';
import { serverNameOf } from '#internal/rpc/rpc.ts';
import type { Credentials } from './identity.ts';
import { createCa, issueAdminCertificate, issueNodeCertificate } from './identity.ts';

const now = new Date('2026-11-22T12:00:00Z');
const validity = { now, validForMs: 24 * 3600_000 };
const ca = await createCa('pop44 test', validity);
const node = await issueNodeCertificate(ca, { id: 'p1', addresses: ['fd44:44::1', '198.18.1.2'] }, validity);
const admin = await issueAdminCertificate(ca, 'lab', validity);
const parsed = (credentials: Credentials) => new X509Certificate(credentials.certificatePem);

test('a node certificate carries principal, server name and addresses, and its own key', () => {
  const certificate = parsed(node);
  expect(certificate.subjectAltName).toBe(
    'URI:pop44://node/p1, DNS:p1.node.pop44, IP Address:FD44:44:0:0:0:0:0:1, IP Address:198.18.1.2',
  );
  expect(certificate.checkIssued(parsed(ca))).toBe(true);
  expect(certificate.verify(parsed(ca).publicKey)).toBe(true);
  expect(certificate.checkPrivateKey(createPrivateKey(node.privateKeyPem))).toBe(true);
  expect(certificate.publicKey.asymmetricKeyDetails).toMatchObject({ namedCurve: 'prime256v1' });
  expect(certificate.ca).toBe(false);
  expect(checkServerIdentity(serverNameOf('p1'), certificate.toLegacyObject())).toBeUndefined();
  expect(checkServerIdentity(serverNameOf('p2'), certificate.toLegacyObject())).toBeInstanceOf(Error);
});

test('validity begins a little before the given clock and ends when asked', () => {
  expect(parsed(node).validFromDate).toEqual(new Date('2026-11-22T11:55:00Z'));
  expect(parsed(node).validToDate).toEqual(new Date('2026-11-23T12:00:00Z'));
});

test('an admin certificate carries nothing but the principal', () => {
  expect(parsed(admin).subjectAltName).toBe('URI:pop44://admin/lab');
});

test.each(['', 'P1', '-a', 'a/b', 'a.b', 'a, URI:pop44://admin/root', 'x'.repeat(64)])(
  'no certificate is issued to a node called %j',
  async (id) => {
    await expect(issueNodeCertificate(ca, { id, addresses: [] }, validity)).rejects.toThrow(RangeError);
  },
);

test('mutual TLS accepts a node of this CA and refuses one of another', async () => {
  const fresh = { now: new Date(), validForMs: 3600_000 };
  const ours = await createCa('ours', fresh);
  const theirs = await createCa('ours', fresh);
  const server = await issueNodeCertificate(ours, { id: 'p1', addresses: [] }, fresh);
  const friend = await issueAdminCertificate(ours, 'friend', fresh);
  const stranger = await issueAdminCertificate(theirs, 'friend', fresh);
  const options = { ca: ours.certificatePem, cert: server.certificatePem, key: server.privateKeyPem };
  const listener = createServer({ ...options, requestCert: true, rejectUnauthorized: true }, (socket) => {
    socket.on('error', () => socket.destroy());
    socket.end(socket.getPeerX509Certificate()?.subjectAltName ?? '');
  });
  listener.on('tlsClientError', () => undefined);
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
  const address = listener.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const answer = (who: Credentials): Promise<string> =>
    new Promise((resolve, reject) => {
      const socket: TLSSocket = connect({
        port,
        host: '127.0.0.1',
        servername: serverNameOf('p1'),
        ca: ours.certificatePem,
        cert: who.certificatePem,
        key: who.privateKeyPem,
      });
      let text = '';
      socket.on('data', (chunk: Buffer) => {
        text += chunk.toString();
      });
      socket.on('end', () => resolve(text));
      socket.on('error', reject);
    });
  expect(await answer(friend)).toBe('URI:pop44://admin/friend');
  // TLS 1.3: the client may see the refusal as an error or as an early end; never an answer.
  expect(await answer(stranger).catch(() => '')).toBe('');
  await new Promise((resolve) => listener.close(resolve));
});

test('openssl accepts the chain for its purpose, and refuses what it is not for', ({ skip }) => {
  skip(spawnSync('openssl', ['version']).error !== undefined, 'openssl is not installed');
  const dir = mkdtempSync(join(tmpdir(), 'pop44-identity-'));
  try {
    for (const [name, credentials] of Object.entries({ ca, node, admin }))
      writeFileSync(join(dir, `${name}.pem`), credentials.certificatePem);
    const verify = (name: string, ...more: string[]) =>
      spawnSync('openssl', [
        'verify',
        '-x509_strict',
        '-attime',
        String(now.getTime() / 1000),
        '-CAfile',
        join(dir, 'ca.pem'),
        ...more,
        join(dir, `${name}.pem`),
      ]).status;
    expect(verify('node', '-purpose', 'sslserver', '-verify_hostname', 'p1.node.pop44')).toBe(0);
    expect(verify('node', '-purpose', 'sslserver', '-verify_ip', 'fd44:44::1')).toBe(0);
    expect(verify('node', '-purpose', 'sslclient')).toBe(0);
    expect(verify('admin', '-purpose', 'sslclient')).toBe(0);
    expect(verify('admin', '-purpose', 'sslserver')).not.toBe(0);
    expect(verify('node', '-verify_ip', 'fd44:44::2')).not.toBe(0);
  } finally {
    rmSync(dir, { recursive: true });
  }
});
