// Return path: which packets leave by the tunnel, as routes and rules that every format with policy routing can say.

import { contains, type Family, familyOf, hostPrefix, type Prefix } from '#internal/netip/netip.ts';
import type { Checked } from './template.ts';

/**
 * `all`: whatever leaves this machine takes the tunnel, but what main has a better route for than the default one, and
 * what goes to the endpoint. `replies`: only what is sent from the tunnel's own addresses.
 */
export type ReturnPath = 'all' | 'replies';
export const returnPaths: readonly ReturnPath[] = ['all', 'replies'];

/** A rule of the policy database; `table` of a number is the tunnel's own. */
export interface Rule {
  readonly priority: number;
  readonly family: Family;
  readonly from?: Prefix;
  readonly to?: Prefix;
  readonly table: 'main' | number;
  /** The default route of the table does not count. */
  readonly notDefault?: true;
}

export interface Routing {
  readonly table: number;
  /** Into the tunnel, in its own table. */
  readonly routes: readonly Prefix[];
  /** By priority. */
  readonly rules: readonly Rule[];
}

// Before main, which is 32766 (ip-rule(8)), and after what people set by hand with low numbers.
const priority = { main: 30_001, endpoint: 30_002, tunnel: 30_003 } as const;

/** Of a machine with several tunnels each has a table of its own: 44000 to 44999 by its id (FNV-1a). */
function tableOf(device: string): number {
  let hash = 0x811c9dc5;
  for (const letter of device) hash = Math.imul(hash ^ letter.charCodeAt(0), 0x01000193);
  return 44_000 + ((hash >>> 0) % 1_000);
}

const everything: Readonly<Record<Family, Prefix>> = { 4: '0.0.0.0/0' as Prefix, 6: '::/0' as Prefix };
export const everythingOf = (family: Family): Prefix => everything[family];

/** A family without an address of the tunnel is left alone. */
export function routingOf(file: Checked, path: ReturnPath): Routing {
  const table = tableOf(file.device);
  const families = ([4, 6] as const).filter((family) => file.addresses.some((address) => address.family === family));
  const routes = file.allowed.filter((prefix) => families.includes(familyOf(prefix)));
  if (path === 'replies') {
    const rules = file.addresses.map(({ family, network }) => ({
      priority: priority.tunnel,
      family,
      from: network,
      table,
    }));
    return { table, routes, rules };
  }
  const endpoint = hostPrefix(file.endpoint);
  const isInside = routes.some((prefix) => contains(prefix, endpoint));
  const past: Rule = { priority: priority.endpoint, family: familyOf(endpoint), to: endpoint, table: 'main' };
  return {
    table,
    routes,
    rules: [
      ...families.map((family): Rule => ({ priority: priority.main, family, table: 'main', notDefault: true })),
      // By the uplink, whichever gateway that has today: a host route would name one.
      ...(isInside ? [past] : []),
      ...families.map((family): Rule => ({ priority: priority.tunnel, family, table })),
    ],
  };
}
