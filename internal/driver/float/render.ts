// Render: a floating address as lines of `ip -batch`, and the checks of every value that goes there.

import type { Floating } from '#internal/dataplane/dataplane.ts';
import { endpointTable, floatingProtocol } from '#internal/dataplane/ownership.ts';
import { demand, isPrefix } from '#internal/driver/driver.ts';

/** Mark of our addresses on interfaces of others, as on lo (driver/ip). */
export const addressMetric = 4400;

const whole = (family: 4 | 6): string => (family === 4 ? '/32' : '/128');
const isAddress = (family: 4 | 6, address: string): boolean =>
  isPrefix(`${address}${whole(family)}`) && address.includes(':') === (family === 6);
/** dev_valid_name of net/core/dev.c. */
const isInterface = (name: string): boolean => /^[^\s/:]{1,15}$/.test(name) && name !== '.' && name !== '..';

/** @throws Fault `invalid` */
export function demandFloating({ family, address, gateway }: Floating): void {
  demand(isAddress(family, address), `an IPv${family} address`, address);
  demand(isAddress(family, gateway), `an IPv${family} address`, gateway);
}

/**
 * Nothing else is to be sent from it: of IPv6 it is deprecated from the first, which keeps it out of the kernel's own choice
 * (RFC 6724 5, rule 3). Of IPv4 the choice is the address in whose network the gateway is.
 */
export function standLines({ family, address, gateway }: Floating, dev: string): readonly string[] {
  demand(isInterface(dev), 'an interface', dev);
  const quiet = family === 6 ? ' nodad preferred_lft 0' : '';
  return [
    `address replace ${address}${whole(family)} dev ${dev} metric ${addressMetric}${quiet}`,
    `route replace default via ${gateway} dev ${dev} src ${address} table ${endpointTable} protocol ${floatingProtocol}`,
  ];
}

export function fallLine(family: 4 | 6, address: string, dev: string): string {
  demand(isAddress(family, address) && isInterface(dev), 'an address of an interface', `${address} ${dev}`);
  return `address del ${address}${whole(family)} dev ${dev}`;
}

/** Whatever default route of ours stands there. */
export const wayLine = `route del default table ${endpointTable} protocol ${floatingProtocol}`;
