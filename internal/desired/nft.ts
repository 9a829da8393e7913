// The nftables table of each namespace.

import { type MutableDataplane, put } from '#internal/dataplane/dataplane.ts';
import { popTable } from './nft-pop.ts';
import { transportTable } from './nft-transport.ts';
import type { View } from './self.ts';

export function nft(view: View, into: MutableDataplane): void {
  put(into, 'ruleset', { netns: 'pop', text: popTable(view) });
  put(into, 'ruleset', { netns: 'transport', text: transportTable(view) });
}
