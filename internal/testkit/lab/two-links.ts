// Two links: a client that has a file of several PoPs for the same address and is up by more than one of them, with the
// tools of a router: interfaces of its own and one default route. (Two full tunnels of wg-quick lead each into the other.)

import { writeFile } from 'node:fs/promises';
import type { Client } from '#internal/client/client.ts';
import type { World } from './world.ts';

/** Mark of the links' own packets, which leave by the main table; and the table of everything else. */
const mark = '51820';

export interface Links {
  /** Makes the link to a PoP, anew if it is there, and sends by it from now on. */
  raise(popId: string): Promise<void>;
  /** Its next packet begins a session. */
  shakeAgain(popId: string): Promise<void>;
  /** Sends by this one from now on. */
  sendBy(popId: string): Promise<void>;
  lower(popId: string): Promise<void>;
}

export function twoLinks(lab: World, client: Client, tunnel: string, privateKey: string): Links {
  const keyFile = '/run/two-links.key';
  const inClient = (...argv: readonly string[]) => lab.exec('client', argv);
  const batch = (...lines: readonly string[]) =>
    lab.exec('client', ['ip', '-batch', '-'], { input: `${lines.join('\n')}\n` });
  const peerOf = async (popId: string): Promise<readonly string[]> => {
    const template = await client.tunnels.getTunnelTemplate({ tunnel, popId });
    const endpoint = `${template.endpointAddress}:${template.endpointPort}`;
    return [
      ...['peer', template.peerPublicKey, 'endpoint', endpoint],
      ...['persistent-keepalive', '25', 'allowed-ips', template.allowedIps.join(',')],
    ];
  };
  const sendBy = async (popId: string): Promise<void> =>
    void (await batch(`route replace default dev ${popId} table ${mark}`));
  const lower = async (popId: string): Promise<void> =>
    void (await lab.exec('client', ['ip', 'link', 'del', popId], { accept: [0, 1] }));
  const ruled = async (): Promise<boolean> => (await inClient('ip', 'rule')).stdout.includes(`lookup ${mark}`);
  return {
    sendBy,
    lower,
    raise: async (popId) => {
      const { addresses, mtu } = await client.tunnels.getTunnelTemplate({ tunnel, popId });
      await lower(popId);
      await writeFile(keyFile, `${privateKey}\n`, { mode: 0o600 });
      await inClient('wireguard-go', popId);
      await inClient('wg', 'set', popId, 'fwmark', mark, 'private-key', keyFile, ...(await peerOf(popId)));
      const own = addresses.filter((address) => !address.includes(':'));
      await batch(...own.map((address) => `addr add ${address} dev ${popId}`), `link set ${popId} mtu ${mtu} up`);
      if (!(await ruled())) await batch(`rule add not fwmark ${mark} table ${mark}`);
      await sendBy(popId);
    },
    shakeAgain: async (popId) => {
      const peer = await peerOf(popId);
      await inClient('wg', 'set', popId, 'peer', peer[1] ?? '', 'remove');
      await inClient('wg', 'set', popId, ...peer);
    },
  };
}
