// Proxies: who is believed when it says for whom it asks.

import { contains, hostPrefix, parseAddress, parsePrefix } from '#internal/netip/netip.ts';
import { plainAddress } from './source.ts';

/** In settings: whoever reaches a socket of this machine. */
export const unixProxy = 'unix';

/** Whether what comes from there is a proxy's; undefined: by a socket of this machine, which has no address. */
export type IsProxy = (address: string | undefined) => boolean;

/** @param trusted prefixes, and `unix` */
export function proxiesOf(trusted: readonly string[]): IsProxy {
  const prefixes = trusted.map((text) => parsePrefix(text)).filter((prefix) => typeof prefix === 'string');
  const trustsSocket = trusted.includes(unixProxy);
  return (address) => {
    if (address === undefined || address === '') return trustsSocket;
    const parsed = parseAddress(plainAddress(address).split('%', 1)[0] ?? '');
    return typeof parsed === 'string' && prefixes.some((prefix) => contains(prefix, hostPrefix(parsed)));
  };
}
