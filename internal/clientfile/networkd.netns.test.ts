// systemd-networkd brings a tunnel up from its two files. Where the kernel has no WireGuard, the interface is wireguard-go's
// and gets from the .netdev file, by wg(8), what networkd would give it; networkd reads that file, and says what it cannot.
//
//   far (44.99.0.1 behind it, endpoint 44.27.0.1) ---- uplink, home (44.31.0.7)

import { generateKeyPairSync } from 'node:crypto';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Kept, keep, run } from '#internal/exec/exec.ts';
import { eventually } from '#internal/testkit/eventually.ts';
import { type ClientFile, type ReturnPath, render, returnPaths } from './clientfile.ts';

const soon = 10_000;
const folder = '/run/systemd/network';
const device = 'p44_1b9d6bc';

const inside = (netns: string, line: string, accept: readonly number[] = [0]) => {
  const [file = '', ...args] = line.split(' ');
  return run({ file, args, netns: `/run/netns/${netns}`, accept: [...accept], timeoutMs: 20_000 });
};

/** Through a file: neither nft(8) nor wg(8) reads a socket by its name. */
async function fed(netns: string, line: string, text: string): Promise<void> {
  writeFileSync('/run/fed', text, { mode: 0o600 });
  await inside(netns, `${line} /run/fed`);
}

function newKeyPair(): { readonly privateKey: string; readonly publicKey: string } {
  const { privateKey, publicKey } = generateKeyPairSync('x25519');
  // RFC 8410: the last 32 bytes are the key.
  const last = (der: Buffer): string => der.subarray(-32).toString('base64');
  return {
    privateKey: last(privateKey.export({ type: 'pkcs8', format: 'der' })),
    publicKey: last(publicKey.export({ type: 'spki', format: 'der' })),
  };
}
const [own, pop] = [newKeyPair(), newKeyPair()];

const template: ClientFile = {
  ...{ tunnelId: '1b9d6bcd-bbf', tunnelName: 'shack', privateKey: own.privateKey, peerPublicKey: pop.publicKey },
  addresses: ['44.31.0.7/32', '2001:db8:44:7::1/128'],
  ...{ mtu: 1420, keepaliveSeconds: 25, allowedIps: ['0.0.0.0/0', '::/0'] },
  // Inside the tunnelled space.
  ...{ endpointAddress: '44.27.0.1', endpointPort: 51_820 },
};

/** Replies that go past the tunnel are lost, as where an uplink checks sources. */
const strict = `table inet strict {
  chain in {
    type filter hook input priority 0
    iifname uplink ip saddr 44.31.0.7 drop
    iifname uplink ip6 saddr 2001:db8:44:7::1 drop
  }
}
`;

let said: string[];
let networkd: Kept | undefined;

beforeEach(async () => {
  said = [];
  mkdirSync(folder, { recursive: true });
  mkdirSync('/run/wireguard', { recursive: true });
  for (const netns of ['home', 'far']) {
    await run({ file: 'ip', args: ['netns', 'add', netns] });
    await inside(netns, 'ip link set lo up');
  }
  await inside('home', 'ip link add uplink type veth peer name uplink netns far');
  await inside('far', 'ip addr add 192.168.1.1/24 dev uplink');
  await inside('far', 'ip link set uplink up');
  for (const address of ['44.27.0.1/32', '44.99.0.1/32', '2001:db8:99::1/128'])
    await inside('far', `ip addr add ${address} dev lo`);
  await fed('far', 'nft -f', strict);
  await inside('far', 'wireguard-go access');
  const ends = `ListenPort = 51820\n[Peer]\nPublicKey = ${own.publicKey}\nAllowedIPs = 44.31.0.7/32, 2001:db8:44:7::1/128\n`;
  await fed('far', 'wg setconf access', `[Interface]\nPrivateKey = ${pop.privateKey}\n${ends}`);
  await inside('far', 'ip link set access up');
  await inside('far', 'ip route add 44.31.0.7/32 dev access');
  await inside('far', 'ip route add 2001:db8:44:7::1/128 dev access');
  await inside('home', 'ip addr add 192.168.1.2/24 dev uplink');
  await inside('home', 'ip link set uplink up');
  await inside('home', 'ip route add default via 192.168.1.1');
});
afterEach(async () => {
  await networkd?.stop();
  // Ends wireguard-go.
  await inside('home', `ip link del ${device}`, [0, 1]);
  await inside('far', 'ip link del access', [0, 1]);
  for (const netns of ['home', 'far']) await run({ file: 'ip', args: ['netns', 'del', netns] });
  rmSync(folder, { recursive: true });
});

/** What networkd reads there, as wg(8) writes it. */
function asSetconf(netdev: string): string {
  return netdev.replace(/^[^]*\[WireGuard\]/, '[Interface]').replace('[WireGuardPeer]', '[Peer]');
}

async function raise(way: ReturnPath): Promise<void> {
  const [netdev, network] = render(template, 'networkd', way);
  // networkd leaves an interface alone that is of another kind than the file of its name: it reads this one under another.
  const renamed = (netdev?.text ?? '').replace(`Name=${device}\n`, 'Name=read\n');
  writeFileSync(`${folder}/read.netdev`, renamed, { mode: 0o640 });
  writeFileSync(`${folder}/${device}${network?.extension}`, network?.text ?? '');
  await inside('home', `wireguard-go ${device}`);
  await fed('home', `wg setconf ${device}`, asSetconf(netdev?.text ?? ''));
  // It lets go of root's rights for those of a user whom namespaces do not know; here that user is root. With a /sys that can be
  // written it would wait for udev, which is not here.
  writeFileSync('/run/passwd', 'root:x:0:0::/:/bin/sh\nsystemd-network:x:0:0::/:/bin/sh\n');
  const script =
    'mount --bind /run/passwd /etc/passwd && mount -t sysfs -o ro sysfs /sys && exec /lib/systemd/systemd-networkd';
  networkd = await keep({
    file: 'unshare',
    args: ['--mount', 'sh', '-c', script],
    netns: '/run/netns/home',
    env: { SYSTEMD_LOG_TARGET: 'console', SYSTEMD_LOG_LEVEL: 'info' },
    onStdout: (line) => said.push(line),
    onStderr: (line) => said.push(line),
  });
}

const deviceTo = async (line: string): Promise<string | undefined> =>
  / dev (\S+)/.exec((await inside('home', `ip route get ${line}`, [0, 2])).stdout)?.[1];

test.each(returnPaths)(
  'networkd takes its files, and what is asked is answered by the tunnel: %s [T10]',
  async (way) => {
    await raise(way);
    const answered = async (address: string, from: string): Promise<boolean> =>
      (await inside('far', `ping -n -c1 -W1 -I ${from} ${address}`, [0, 1, 2])).exitCode === 0;
    await eventually(() => answered('44.31.0.7', '44.99.0.1'), soon).catch((thrown: unknown) => {
      throw new Error(said.join('\n'), { cause: thrown });
    });
    await eventually(() => answered('2001:db8:44:7::1', '2001:db8:99::1'), soon);
    expect(await deviceTo('44.99.0.1 from 44.31.0.7')).toBe(device);
    // Its own packets do not go round in circles.
    expect(await deviceTo('44.27.0.1')).toBe('uplink');
    expect(await deviceTo('198.51.100.9')).toBe(way === 'all' ? device : 'uplink');
    expect((await inside('home', `wg show ${device} transfer`)).stdout).toMatch(/\t[1-9]\d*\t[1-9]/);
    // A key that it does not know, or a value that it cannot read, is told with the file and the line.
    expect(said.filter((line) => /\.(netdev|network):\d+/.test(line))).toEqual([]);
  },
);

test('a line that networkd cannot read is told: the check above can fail', async () => {
  writeFileSync(`${folder}/bad.network`, '[Match]\nName=x\n[RoutingPolicyRule]\nTable=none such\nColour=red\n');
  await raise('replies');
  await eventually(() => said.some((line) => line.includes('bad.network:5')), soon);
});
