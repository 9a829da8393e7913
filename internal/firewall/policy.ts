// Policy: a tunnel's firewall as it is acted on, out of a record that anybody may have written.

import type { Firewall, FirewallRule } from '#internal/gen/pop44/store/v1/records_pb.ts';
import { type Prefix, parsePrefix } from '#internal/netip/netip.ts';
import { type PresetName, presetNames } from './presets.ts';
import { sourceProblem } from './source-blocks.ts';

export const icmp = 1;
const tcp = 6;
const udp = 17;

/** Own rules of a tunnel: a page of them, and a bound on what one user puts into every node's tables. */
export const mostRules = 64;

/** Admits new flows. */
export interface Rule {
  /** IP protocol number; 1 is ICMP, and in IPv6 ICMPv6. */
  readonly protocol: number;
  /** Of TCP and UDP; both 0: all. */
  readonly firstPort: number;
  readonly lastPort: number;
  /** Undefined: anywhere. */
  readonly source?: Prefix;
}

export interface Policy {
  readonly presets: readonly PresetName[];
  readonly rules: readonly Rule[];
}

const defaultPolicy: Policy = { presets: ['ping'], rules: [] };

export const isDefault = ({ presets, rules }: Policy): boolean =>
  rules.length === 0 && presets.length === 1 && presets[0] === 'ping';

const isPort = (port: number): boolean => Number.isInteger(port) && port >= 1 && port <= 65_535;

function ruleOf({ protocol, firstPort, lastPort, source }: FirewallRule): Rule | undefined {
  const allPorts = firstPort === 0 && lastPort === 0;
  const range =
    (protocol === tcp || protocol === udp) && isPort(firstPort) && isPort(lastPort) && firstPort <= lastPort;
  if (!(protocol >= 0 && protocol <= 255) || !(allPorts || range)) return undefined;
  const known = { protocol, firstPort, lastPort };
  if (source === '') return known;
  const prefix = parsePrefix(source);
  if (typeof prefix !== 'string' || prefix !== source || sourceProblem(prefix) !== undefined) return undefined;
  return { ...known, source: prefix };
}

/** What of it can be read; the rest, and rules beyond the 64th, admit nothing. Unset: the default. */
export function policyOf(record: Firewall | undefined): Policy {
  if (record === undefined) return defaultPolicy;
  return {
    presets: presetNames.filter((name) => record.presets.includes(name)),
    rules: record.rules.slice(0, mostRules).flatMap((rule) => ruleOf(rule) ?? []),
  };
}

const names: ReadonlyMap<number, string> = new Map([
  [icmp, 'icmp'],
  [tcp, 'tcp'],
  [udp, 'udp'],
]);

/** As the API writes it: `tcp`, or the number of one that has no name here. */
export const protocolName = (protocol: number): string => names.get(protocol) ?? String(protocol);
