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
