// Every format is read back by a small parser of its language.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { clientFileReaders, type Said } from '#internal/testkit/client-file-readers.ts';
import type { ClientFile, ReturnPath } from './clientfile.ts';
import { formats, render, returnPaths } from './clientfile.ts';

// The last bytes say that it is none of the few points of low order, which are refused.
const key = fc
  .uint8Array({ minLength: 29, maxLength: 29 })
  .map((bytes) => Buffer.from([...bytes, 4, 4, 4]).toString('base64'));
const octet = fc.integer({ min: 0, max: 255 });
const address4 = fc.tuple(octet, octet, octet).map((rest) => `44.${rest.join('.')}`);
// The fourth group is not 0, so that :: has one place to be.
const address6 = fc.integer({ min: 1, max: 0xffff }).map((group) => `2001:db8:44:${group.toString(16)}::1`);

interface Template extends ClientFile {
  readonly has4: boolean;
  readonly has6: boolean;
}
const template: fc.Arbitrary<Template> = fc
  .record({
    tunnelId: fc.uuid().map((id) => id.slice(0, 12)),
    tunnelName: fc.stringMatching(/^[a-z0-9-]{1,63}$/),
    privateKey: key,
    presharedKey: fc.option(key, { nil: undefined }),
    own4: fc.option(address4, { nil: undefined }),
    own6: fc.option(address6, { nil: undefined }),
    mtu: fc.integer({ min: 1280, max: 1420 }),
    peerPublicKey: key,
    endpointAddress: fc.oneof(address4, address6, fc.constant('198.51.100.9')),
    endpointPort: fc.integer({ min: 1, max: 65_535 }),
    allowedIps: fc.constantFrom(['0.0.0.0/0', '::/0'], ['44.0.0.0/9', '2001:db8:1::/48', '0.0.0.0/0', '::/0']),
    keepaliveSeconds: fc.constantFrom(0, 15, 25),
  })
  .filter(({ own4, own6 }) => own4 !== undefined || own6 !== undefined)
  .map(({ own4, own6, presharedKey, ...same }) => ({
    ...same,
    ...(presharedKey === undefined ? {} : { presharedKey }),
    addresses: [...(own4 === undefined ? [] : [`${own4}/32`]), ...(own6 === undefined ? [] : [`${own6}/128`])],
    has4: own4 !== undefined,
    has6: own6 !== undefined,
  }));
const path = fc.constantFrom<ReturnPath>(...returnPaths);

/** What it should say, out of the template. */
function wanted(file: Template, way: ReturnPath): Said {
  const of6 = (text: string): boolean => text.includes(':');
  const routes = file.allowedIps.filter((prefix) => (of6(prefix) ? file.has6 : file.has4));
  // Every list above holds both default routes, and with them every endpoint.
  const inside = of6(file.endpointAddress) ? file.has6 : file.has4;
  const host = `${file.endpointAddress}/${of6(file.endpointAddress) ? 128 : 32}`;
  return {
    privateKey: file.privateKey,
    presharedKey: file.presharedKey,
    addresses: file.addresses,
    mtu: String(file.mtu),
    peer: file.peerPublicKey,
    endpoint: `${of6(file.endpointAddress) ? `[${file.endpointAddress}]` : file.endpointAddress}:${file.endpointPort}`,
    allowed: file.allowedIps,
    keepalive: file.keepaliveSeconds === 0 ? undefined : String(file.keepaliveSeconds),
    routes,
    rules:
      way === 'replies'
        ? file.addresses.map((text) => `from ${text}`)
        : ['all main-not-default', ...(inside ? [`to ${host} main`] : []), 'all'],
  };
}

/** Sorted where the order says nothing. */
const comparable = (said: Said): Said => ({ ...said, routes: [...said.routes].sort() });

test.each(formats)('%s says what the template says, whatever it is [T10]', (format) => {
  fc.assert(
    fc.property(template, path, (file, way) => {
      const texts = render(file, format, way).map(({ text }) => text);
      const said = comparable(clientFileReaders[format](texts));
      const want = comparable(wanted(file, way));
      // Its routes and rules are wg-quick's own.
      expect(said).toEqual(format === 'wg-quick' ? { ...want, routes: [], rules: [] } : want);
    }),
    { numRuns: 300 },
  );
});

test.each(formats)('%s begins with three lines that say what to do, and names no tunnel but by its id', (format) => {
  fc.assert(
    fc.property(template, path, (file, way) => {
      const [{ text } = { text: '' }] = render({ ...file, tunnelName: 'a-name-of-a-user' }, format, way);
      expect(
        text
          .split('\n')
          .slice(0, 4)
          .every((line) => line.startsWith('# ')),
      ).toBe(true);
      if (format !== 'wg-quick') expect(text).not.toContain('a-name-of-a-user');
    }),
    { numRuns: 20 },
  );
});

test.each([
  ['networkmanager', ['[wireguard', 'x']],
  ['openwrt', ["set network.x='interface'; rm", "set network.y.z='no section'"]],
  ['routeros', ['/ip/address add address="$x"', '/system/reset']],
] as const)('the parser of %s refuses what is not its language', (format, texts) => {
  for (const text of texts) expect(() => clientFileReaders[format]([text])).toThrow(SyntaxError);
});

const example: ClientFile = {
  ...{ tunnelId: '1b9d6bcd-bbf', tunnelName: 'shack', addresses: ['44.31.0.7/32', '2001:db8:44:7::1/128'], mtu: 1420 },
  // RFC 7748 6.1: Alice's and Bob's keys.
  privateKey: 'dwdtCnMYpX08FsFyUbJmRd9ML4frwJkqsXf7pR25LCo=',
  peerPublicKey: '3p7bfXt9wbTTW2HC7OQ1Nz+DQ8hbeGdNrfx+FG+IK08=',
  ...{ endpointAddress: '44.27.0.1', endpointPort: 51_820, allowedIps: ['0.0.0.0/0', '::/0'], keepaliveSeconds: 25 },
};
test.each(formats.flatMap((format) => returnPaths.map((way) => [format, way] as const)))(
  '%s, %s, as a file',
  async (format, way) => {
    for (const { extension, text } of render(example, format, way))
      await expect(text).toMatchFileSnapshot(`testdata/${format}-${way}${extension}`);
  },
);
