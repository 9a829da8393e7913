// Firewall fields: a tunnel's firewall as a request spells it, as the record that is kept.

import { create } from '@bufbuild/protobuf';
import { isRefusal, type Refusal, refuse } from '#internal/errors/errors.ts';
import {
  closed,
  entriesOf,
  isPresetName,
  mostRules,
  policyOf,
  presetNames,
  protocolName,
  sourceProblem,
} from '#internal/firewall/firewall.ts';
import {
  type Firewall,
  type FirewallRule,
  FirewallRuleSchema,
  FirewallSchema,
} from '#internal/gen/pop44/store/v1/records_pb.ts';
import * as api from '#internal/gen/pop44/v1/tunnels_pb.ts';
import type { Prefix } from '#internal/netip/netip.ts';
import { prefixField, rangeField } from './fields.ts';

const field = 'tunnel.firewall';

/**
 * Entries that a tunnel's rules may take in the tables of every node, for each of its prefixes: 1 MB in the kernel, and
 * one transaction of 10 ms. Only ranges for sources that lie in each other, many times over, come to more.
 */
const mostEntries = 4_000;

/** IANA's numbers of the names that a rule may have; the number of any other is taken too. */
const protocols: ReadonlyMap<string, number> = new Map([
  ['icmp', 1],
  ['tcp', 6],
  ['udp', 17],
  // With ICMP goes ICMPv6: one word admits both.
  ['58', 1],
]);

const invalid = (at: string, value: string, problem: string, cure: string): Refusal =>
  refuse('invalid', { field: at, value, problem, cure });

function protocolOf(at: string, value: string): number | Refusal {
  const cure = 'tcp, udp, icmp, or the number of another IP protocol, 0 to 255';
  if (value === '') return refuse('required', { field: at, problem: 'is missing', cure });
  const named = protocols.get(value);
  if (named !== undefined) return named;
  if (/^(0|[1-9][0-9]{0,2})$/.test(value) && Number(value) <= 255) return Number(value);
  return invalid(at, value, 'is no protocol', cure);
}

function sourceOf(at: string, value: string): Prefix | '' | Refusal {
  if (value === '') return '';
  const prefix = prefixField(at, value);
  if (isRefusal(prefix)) return prefix;
  const unfit = sourceProblem(prefix);
  return unfit === undefined ? prefix : invalid(at, value, unfit.problem, unfit.cure);
}

function ruleOf(at: string, rule: api.FirewallRule): FirewallRule | Refusal {
  const protocol = protocolOf(`${at}.protocol`, rule.protocol);
  if (typeof protocol !== 'number') return protocol;
  const { firstPort } = rule;
  const lastPort = rule.lastPort === 0 ? firstPort : rule.lastPort;
  if (firstPort !== 0 || lastPort !== 0) {
    const ports = `${firstPort}-${lastPort}`;
    if (protocol !== 6 && protocol !== 17) {
      return invalid(
        `${at}.first_port`,
        ports,
        `is of a protocol without ports, ${protocolName(protocol)}`,
        'leave the ports out',
      );
    }
    const outside =
      rangeField(`${at}.first_port`, firstPort, 1, 65_535) ?? rangeField(`${at}.last_port`, lastPort, 1, 65_535);
    if (outside !== undefined) return outside;
    if (firstPort > lastPort) return invalid(`${at}.last_port`, ports, 'ends before it begins', 'the lower port first');
  }
  const source = sourceOf(`${at}.source`, rule.source);
  if (isRefusal(source)) return source;
  return create(FirewallRuleSchema, { protocol, firstPort, lastPort, source });
}

function presetsOf(presets: readonly string[]): readonly string[] | Refusal {
  const known = [...presetNames, closed].join(', ');
  const cure = `one or more of ${known}, as tunnel firewall presets shows them`;
  const at = `${field}.presets`;
  for (const name of presets)
    if (name !== closed && !isPresetName(name)) return invalid(at, name, 'is no preset', cure);
  if (!presets.includes(closed)) return presetNames.filter((name) => presets.includes(name));
  const others = presetNames.filter((name) => presets.includes(name));
  if (others.length === 0) return [];
  return invalid(at, presets.join(','), 'is closed and open at once', `${closed} alone, or ${others.join(',')}`);
}

/**
 * The record of a wished firewall: presets and rules in one order, each once. Undefined when nothing is wished.
 * Refuses `required`, `invalid`, `host-bits`.
 */
export function firewallField(wish: api.Firewall | undefined): Firewall | undefined | Refusal {
  if (wish === undefined) return undefined;
  const presets = presetsOf(wish.presets);
  if (isRefusal(presets)) return presets;
  if (wish.rules.length > mostRules) {
    const cure = `at most ${mostRules}; one rule takes a range of ports`;
    return invalid(`${field}.rules`, String(wish.rules.length), 'are more than a tunnel has', cure);
  }
  const rules = new Map<string, FirewallRule>();
  for (const [at, each] of wish.rules.entries()) {
    const rule = ruleOf(`${field}.rules[${at}]`, each);
    if (isRefusal(rule)) return rule;
    rules.set(`${rule.protocol} ${rule.firstPort} ${rule.lastPort} ${rule.source}`, rule);
  }
  const record = create(FirewallSchema, { presets: [...presets], rules: [...rules.values()] });
  const policy = policyOf(record);
  const entries = ([4, 6] as const).map((family) => {
    const made = entriesOf(policy.rules, family);
    return made.protocols.length + made.ports.length + made.sources.length;
  });
  const most = Math.max(...entries);
  if (most <= mostEntries) return record;
  const cure = `at most ${mostEntries}: fewer sources that lie in each other, or ranges that begin and end at multiples of 64`;
  return invalid(`${field}.rules`, String(most), 'are more entries than a tunnel may take', cure);
}

/** As the API shows it. */
export function toFirewall(record: Firewall | undefined): api.Firewall {
  const { presets, rules } = policyOf(record);
  return create(api.FirewallSchema, {
    presets: presets.length === 0 ? [closed] : [...presets],
    rules: rules.map(({ protocol, firstPort, lastPort, source }) => ({
      protocol: protocolName(protocol),
      firstPort,
      lastPort,
      source: source ?? '',
    })),
  });
}
