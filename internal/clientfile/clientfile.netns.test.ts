import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { run } from '#internal/exec/exec.ts';
import { wgQuick } from './clientfile.ts';

const folder = join(tmpdir(), 'clientfile-test');
const file = join(folder, 'shack.conf');
const client = 'clientfile';
const inClient = (...[file = '', ...args]: readonly string[]) =>
  run({ file, args, netns: `/run/netns/${client}`, timeoutMs: 20_000 });
const ip = (line: string) => inClient('ip', ...line.split(' '));

afterAll(async () => {
  await run({ file: 'ip', args: ['netns', 'del', client] });
  rmSync(folder, { recursive: true, force: true });
});

test('wg-quick takes the file as it is: up, both default routes past the mark, down [T10]', async () => {
  mkdirSync(folder, { recursive: true });
  const text = wgQuick({
    tunnelId: '01ja',
    tunnelName: 'shack',
    privateKey: 'dwdtCnMYpX08FsFyUbJmRd9ML4frwJkqsXf7pR25LCo=',
    addresses: ['44.31.0.7/32', '2001:db8:44:7::1/64'],
    mtu: 1420,
    peerPublicKey: '3p7bfXt9wbTTW2HC7OQ1Nz+DQ8hbeGdNrfx+FG+IK08=',
    endpointAddress: '44.27.0.1',
    endpointPort: 51820,
    allowedIps: ['0.0.0.0/0', '::/0'],
    keepaliveSeconds: 25,
  });
  writeFileSync(file, text, { mode: 0o600 });
  mkdirSync('/run/wireguard', { recursive: true });
  await run({ file: 'ip', args: ['netns', 'add', client] });
  // An uplink, so that the endpoint has a way that is not the tunnel.
  await ip('link add uplink type veth peer name far');
  for (const device of ['lo', 'uplink', 'far']) await ip(`link set ${device} up`);
  await ip('addr add 192.168.1.2/24 dev uplink');
  await ip('route add default via 192.168.1.1 dev uplink onlink');
  await inClient('wg-quick', 'up', file);
  try {
    const shown = (await inClient('wg', 'show', 'shack')).stdout;
    expect(shown).toContain('endpoint: 44.27.0.1:51820');
    expect(shown).toContain('persistent keepalive: every 25 seconds');
    const addresses = (await ip('addr show shack')).stdout;
    expect(addresses).toContain('44.31.0.7/32');
    expect(addresses).toContain('2001:db8:44:7::1/64');
    expect(addresses).toContain('mtu 1420');
    expect((await ip('route get 44.27.0.1')).stdout).toContain('dev shack');
    const mark = (await inClient('wg', 'show', 'shack', 'fwmark')).stdout.trim();
    expect((await ip(`route get 44.27.0.1 mark ${mark}`)).stdout).toContain('dev uplink');
  } finally {
    await inClient('wg-quick', 'down', file);
  }
});
