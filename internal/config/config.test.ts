import { expect, test } from 'vitest';
import { parseConfig } from './config.ts';

const good = {
  nodeId: 'p1',
  stateDir: '/s',
  runDir: '/r',
  netns: { transport: '/run/netns/p1t', pop: '/run/netns/p1p' },
  accessKeyFile: '/k/a',
  interconnectKeyFile: '/k/i',
  mesh: {
    privateKeyFile: '/k/m',
    address: 'fd44:44::1',
    port: 51844,
    mtu: 1380,
    peers: [{ publicKey: 'k', endpoint: '198.18.1.2:51844', address: 'fd44:44::2' }],
  },
  etcd: { endpoints: ['https://[fd44:44::1]:2379'], progressNotifyMs: 5_000 },
  tls: { caFile: '/t/ca', certificateFile: '/t/c', keyFile: '/t/k' },
  api: { port: 4440 },
  metrics: { port: 9440 },
  dataplaneSocket: '/r/dataplane.sock',
};

test('a good configuration is taken as it is', () => {
  expect(parseConfig(JSON.stringify(good))).toEqual(good);
  const quick = { ...good, etcd: { ...good.etcd, electionTtlSeconds: 2 } };
  expect(parseConfig(JSON.stringify(quick))).toEqual(quick);
});

test.each([
  ['no JSON', '{', 'not JSON'],
  ['an id that could leave its path', { ...good, nodeId: '../p1' }, 'node.nodeId: "../p1" (1 to 32 characters'],
  ['a missing field', { ...good, etcd: undefined }, 'node.etcd: missing (an object)'],
  ['an unknown field', { ...good, extra: 1 }, 'node.extra: 1 (unknown; known are nodeId'],
  ['a relative path', { ...good, runDir: 'run' }, 'node.runDir: "run" (an absolute path)'],
  ['a port out of range', { ...good, api: { port: 70000 } }, 'node.api.port: 70000 (a whole number from 1 to 65535)'],
  [
    'a lease that etcd would not grant',
    { ...good, etcd: { ...good.etcd, electionTtlSeconds: 1 } },
    'node.etcd.electionTtlSeconds: 1 (a whole number from 2 to 60)',
  ],
  [
    'a name for an address',
    { ...good, mesh: { ...good.mesh, address: 'mesh' } },
    'node.mesh.address: "mesh" (an IP address)',
  ],
  [
    'a key in the place of its file, which is not repeated',
    { ...good, accessKeyFile: 'dwdtCnMYpX08FsFyUbJmRd9ML4frwJkqsXf7pR25LCo=' },
    'node.accessKeyFile: not shown (an absolute path)',
  ],
  [
    'a key that begins as a path does',
    { ...good, accessKeyFile: '/wdtCnMYpX08FsFyUbJmRd9ML4frwJkqsXf7pR25LCo=' },
    'node.accessKeyFile: not shown (an absolute path)',
  ],
  [
    'a key that is no field, which is not repeated',
    { ...good, sealingKey: 'AGE-SECRET-KEY-1QQQ' },
    'node.sealingKey: not shown (unknown',
  ],
  [
    'a service of neither protocol',
    { ...good, hostServices: [{ protocol: 'icmp', port: 22 }] },
    'node.hostServices[0].protocol: "icmp" (tcp or udp)',
  ],
  [
    'a source that is text of another language',
    { ...good, hostServices: [{ protocol: 'tcp', port: 22, sources: ['0.0.0.0/0 } accept'] }] },
    'node.hostServices[0].sources[0]: "0.0.0.0/0 } accept" (a prefix',
  ],
  [
    'a password that would go in clear',
    { ...good, mail: { smtp: { host: 'mx', port: 25, tls: 'none', user: 'pop44' } } },
    'node.mail.smtp.user: "pop44" (its password would go in clear: tls or starttls)',
  ],
  [
    'an address with a line more',
    { ...good, mail: { from: 'a@example.org\nBcc: b@example.org' } },
    'node.mail.from: "a@example.org\\nBcc: b@example.org" (an address, like connect@example.org)',
  ],
  ['a bad peer', { ...good, mesh: { ...good.mesh, peers: [{}] } }, 'node.mesh.peers[0].publicKey: missing (a text)'],
])('%s is refused with field, value and cure', (_, config, message) => {
  expect(() => parseConfig(typeof config === 'string' ? config : JSON.stringify(config))).toThrow(message);
});

test.each(['0.0.0.0:4441', '[::]:4441', '[0:0::0.0.0.0]:4441', '[::ffff:0.0.0.0]:4441'])(
  'a port for joins at no address, %s, is refused: no packet comes for it, and tokens say it',
  (any) => {
    const withJoin = (join: object) => () =>
      parseConfig(JSON.stringify({ ...good, ca: { keyFile: '/t/ca.key' }, join }));
    const cure = `"${any}" (the address of this node on the underlay with a port, like 198.18.1.2:4441)`;
    const listen = ['198.18.1.2:4441', '[2001:db8::1]:4441'];
    expect(withJoin({ listen })).not.toThrow();
    expect(withJoin({ listen: [...listen, any] })).toThrow(`node.join.listen[2]: ${cure}`);
    expect(withJoin({ listen, announce: [any] })).toThrow(`node.join.announce[0]: ${cure}`);
  },
);
