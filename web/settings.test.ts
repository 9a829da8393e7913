import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { proxiesOf } from './proxies.ts';
import { readSettings } from './settings.ts';

const directory = mkdtempSync(join(tmpdir(), 'pop44-settings-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

function read(fields: object) {
  const file = join(directory, 'web.json');
  const usual = { ca: 'ca.pem', daemons: [{ node: 'p1', address: '127.0.0.1:4440' }] };
  writeFileSync(file, JSON.stringify({ ...usual, ...fields }));
  return readSettings(file);
}
const listening = (...listen: readonly string[]) => ({ listen, certificateFile: 'web.pem', keyFile: 'web.key' });

test('a socket is listened on when its proxy is believed, else refused: all its visitors would be one', () => {
  const site = listening('0.0.0.0:443', 'unix:/run/web.sock');
  for (const kind of ['public', 'console'])
    expect(() => read({ [kind]: site, trustedProxies: ['192.0.2.0/24'] })).toThrow(
      `${kind}.listen: "unix:/run/web.sock" (the proxy before a socket`,
    );
  expect(read({ public: site, trustedProxies: ['unix'] }).trustedProxies).toEqual(['unix']);
  expect(read({ public: listening('0.0.0.0:443') }).trustedProxies).toEqual([]);
});

test.each([
  ['trustedProxies', { trustedProxies: ['proxy.example'] }],
  ['trustedProxies', { trustedProxies: 'unix' }],
  ['public.listen', { public: listening('443') }],
  ['workBits', { workBits: 25 }],
  ['name', { name: 'a\nb' }],
  ['nonsense', { nonsense: 1 }],
])('%s: what is wrong is named', (field, fields) => {
  expect(() => read({ public: listening('0.0.0.0:443'), ...fields })).toThrow(`: ${field}: `);
});

const ordered = { listen: ['0.0.0.0:443'], names: ['connect.example.org'], plain: ['0.0.0.0:80'] };
const acme = { termsAgreed: true, stateDirectory: 'state' };

test('names in place of files want a certificate by ACME, of Let’s Encrypt unless told', () => {
  const { acme: read_, public: site } = read({
    public: ordered,
    acme,
    secretFile: 'secret',
    metrics: '127.0.0.1:9441',
  });
  expect(site).toEqual(ordered);
  expect(read_).toEqual({
    server: 'https://acme-v02.api.letsencrypt.org/directory',
    stateDirectory: join(directory, 'state'),
  });
});

test.each<readonly [says: string, fields: object]>([
  ['acme: missing (termsAgreed and stateDirectory: public.names wants', { acme: undefined }],
  ['secretFile: missing (with acme', { secretFile: undefined }],
  ['acme.termsAgreed: missing (true, once you agree to the terms', { acme: { stateDirectory: 'state' } }],
  ['acme.termsAgreed: "yes" (true, once', { acme: { ...acme, termsAgreed: 'yes' } }],
  ['acme.stateDirectory: missing (a path)', { acme: { termsAgreed: true } }],
  ['acme.server: "http://ca.example/dir" (the https URL', { acme: { ...acme, server: 'http://ca.example/dir' } }],
  ['acme.contact: "ops" (an e-mail address', { acme: { ...acme, contact: 'ops' } }],
  ['acme.caFile: 5 (a path)', { acme: { ...acme, caFile: 5 } }],
  ['acme.email: "ops@example.org" (there is no such field)', { acme: { ...acme, email: 'ops@example.org' } }],
  ['public.names: "*.example.org" (a DNS name', { public: { ...ordered, names: ['*.example.org'] } }],
  ['public.names: "192.0.2.1" (a DNS name', { public: { ...ordered, names: ['192.0.2.1'] } }],
  ['public.names: "Connect.example.org" (a DNS name', { public: { ...ordered, names: ['Connect.example.org'] } }],
  ['public.names: [] (a list of 1 to 20', { public: { ...ordered, names: [] } }],
  ['public.names: ["a.example","a.example"] (a list', { public: { ...ordered, names: ['a.example', 'a.example'] } }],
  ['public.plain: ["80"] (a list of addresses', { public: { ...ordered, plain: ['80'] } }],
  ['public.names: ["connect.example.org"] (names for ACME, or', { public: { ...ordered, keyFile: 'web.key' } }],
  ['public.certificate: "a" (there is no such field)', { public: { ...ordered, certificate: 'a' } }],
  ['public.plain: ["0.0.0.0:80"] (only with names', { public: { ...listening('[::]:443'), plain: ['0.0.0.0:80'] } }],
  ['public.plain: "unix:/run/plain.sock" (the proxy', { public: { ...ordered, plain: ['unix:/run/plain.sock'] } }],
  ['acme: "https://acme-v02.api.letsencrypt.org/directory" (only with names', { public: listening('0.0.0.0:443') }],
  ['metrics: "9441" (an address with a port', { metrics: '9441' }],
  ['metrics: "unix:/run/m.sock" (an address with a port', { metrics: 'unix:/run/m.sock' }],
])('what is wrong with ACME is named: %s', (says, fields) => {
  expect(() => read({ public: ordered, acme, secretFile: 'secret', ...fields })).toThrow(`: ${says}`);
});

test.each([
  [['192.0.2.0/24'], '192.0.2.7', true],
  [['192.0.2.0/24'], '::ffff:192.0.2.7', true],
  [['192.0.2.0/24'], '198.51.100.7', false],
  [['192.0.2.0/24'], undefined, false],
  [['2001:db8::/32', 'unix'], '2001:db8::7', true],
  [['2001:db8::/32', 'unix'], undefined, true],
  [['unix'], '127.0.0.1', false],
  [['192.0.2.0/24'], 'unknown', false],
])('of %j, what comes from %s is a proxy’s: %s', (trusted, address, believed) => {
  expect(proxiesOf(trusted)(address)).toBe(believed);
});
