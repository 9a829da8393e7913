// Parse: which sources are being relayed, and what stands of the link.

import { anycastLink, meshLink } from '#internal/dataplane/ownership.ts';
import { relayedSeconds } from './render.ts';

/** Where a datagram for another node's session came from. */
export interface Relayed {
  readonly endpoint: string;
  /** Since the last one, right within a second. */
  readonly agoMs: number;
}

interface NftElement {
  readonly val?: { readonly concat?: readonly [string, number] };
  readonly expires?: number;
}
interface NftList {
  readonly nftables: readonly { readonly set?: { readonly elem?: readonly { readonly elem?: NftElement }[] } }[];
}

/** Of `nft -j list set`. */
export function parseRelayed(json: string): readonly Relayed[] {
  const { nftables } = JSON.parse(json) as NftList;
  return nftables.flatMap(({ set }) =>
    (set?.elem ?? []).flatMap(({ elem }): readonly Relayed[] => {
      const [address, port] = elem?.val?.concat ?? [];
      if (address === undefined || port === undefined) return [];
      const endpoint = address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
      return [{ endpoint, agoMs: Math.max(0, relayedSeconds - (elem?.expires ?? 0)) * 1_000 }];
    }),
  );
}

interface IpLink {
  readonly ifname?: string;
  readonly flags?: readonly string[];
  readonly ifalias?: string;
}
interface IpRoute {
  readonly dst?: string;
  readonly dev?: string;
}

/** What the link says it was made from; empty: it is not there, or not up. Of `ip -j link show`. */
export function parseMark(json: string): string {
  const links = JSON.parse(json === '' ? '[]' : json) as readonly IpLink[];
  const link = links.find(({ ifname }) => ifname === anycastLink);
  return link?.flags?.includes('UP') === true ? (link.ifalias ?? '') : '';
}

/** Addresses that the mesh leads to by a route of their own. Of `ip -4 -j route show dev p44m`. */
export const parseMeshRoutes = (json: string): ReadonlySet<string> =>
  new Set(
    (JSON.parse(json === '' ? '[]' : json) as readonly IpRoute[]).flatMap(({ dst, dev = meshLink }) =>
      dst === undefined || dev !== meshLink ? [] : [dst],
    ),
  );

/** Packets that the link has sent; undefined: it is not in there. Of /proc/<pid>/net/dev (proc(5): bytes, then packets). */
export function parseSent(text: string): number | undefined {
  const line = text.split('\n').find((each) => each.trimStart().startsWith(`${anycastLink}:`));
  const sent = Number(line?.split(':')[1]?.trim().split(/\s+/)[9]);
  return Number.isFinite(sent) ? sent : undefined;
}
