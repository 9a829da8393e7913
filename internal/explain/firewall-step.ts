// Firewall step: the chains of desired/nft-policy.ts, over the elements of one tunnel.

import {
  ownRulesBit,
  policyMap,
  portSet,
  presetBit,
  protocolSet,
  sourceMap,
  tunnelSet,
} from '#internal/desired/desired.ts';
import {
  type Policy,
  type PresetName,
  portBlockSizes,
  presetNames,
  presets,
  protocolName,
  type Rule,
  sourceLengths,
} from '#internal/firewall/firewall.ts';
import { contains, firstAddress, hostPrefix, type IpAddress, prefixLength, supernet } from '#internal/netip/netip.ts';
import { flowText, hasPorts, icmp, isEcho, type Packet } from './packet.ts';
import type { Plane } from './plane.ts';
import type { Step } from './step.ts';

export const unitOf = (address: IpAddress, length: number): string =>
  firstAddress(supernet(hostPrefix(address), length));

/** The length by which an address is one of a tunnel's: the set that has it. */
export function unitLengthOf(plane: Plane, address: IpAddress, family: 4 | 6, units: readonly number[]) {
  return units.find((length) => element(plane, tunnelSet(family, length), unitOf(address, length)) !== undefined);
}

export const element = (plane: Plane, set: string, key: string): string | undefined =>
  plane.get('element', `pop ${set} ${key}`)?.element;

/** Of a map; undefined: no element, or one without a value. */
export const valueOf = (text: string | undefined): string | undefined => text?.split(' : ')[1];

interface Admission {
  readonly by: string;
  readonly evidence: string;
}

function byPreset(name: PresetName, packet: Packet): string | undefined {
  if (name === 'open') return 'open: everything';
  if (name === 'ping') return isEcho(packet) ? 'ping: echo requests' : undefined;
  const opening = presets[name].openings.find(
    ({ protocol, firstPort, lastPort }) =>
      protocol === packet.protocol && packet.port >= firstPort && packet.port <= lastPort,
  );
  return opening === undefined ? undefined : `${name}: ${flowText(packet)}`;
}

const range = (first: number, last: number): string => (first === last ? String(first) : `${first}-${last}`);

function ruleText({ protocol, firstPort, lastPort, source }: Rule): string {
  const ports = firstPort === 0 ? '' : `/${range(firstPort, lastPort)}`;
  return `${protocolName(protocol)}${ports}${source === undefined ? '' : `@${source}`}`;
}

function group(
  plane: Plane,
  tunnel: string,
  number: string,
  { family, protocol, port }: Packet,
): Admission | undefined {
  const key = `${tunnel} . ${number} . ${protocol}`;
  const whole = element(plane, protocolSet(family), key);
  const name = protocol === icmp[6] && family === 6 ? 'icmp' : protocolName(protocol);
  if (whole !== undefined) return { by: name, evidence: `${protocolSet(family)} ${whole}` };
  if (!hasPorts(protocol)) return undefined;
  for (const size of portBlockSizes) {
    const first = port - (port % size);
    const found = element(plane, portSet(family, size), `${key} . ${first}`);
    if (found === undefined) continue;
    return { by: `${name}/${range(first, first + size - 1)}`, evidence: `${portSet(family, size)} ${found}` };
  }
  return undefined;
}

/** Own rules: of anywhere, then those of the longest block around the source, and of no other. */
function byRules(plane: Plane, tunnel: string, packet: Packet): Admission | undefined {
  const anywhere = group(plane, tunnel, '0', packet);
  if (anywhere !== undefined) return anywhere;
  for (const length of sourceLengths[packet.family].toReversed()) {
    const block = supernet(hostPrefix(packet.from), length);
    const found = element(plane, sourceMap(packet.family, length), `${tunnel} . ${firstAddress(block)}`);
    const number = valueOf(found);
    if (number === undefined) continue;
    const admitted = group(plane, tunnel, number, packet);
    return (
      admitted && {
        by: `${admitted.by}@${block}`,
        evidence: `${admitted.evidence}, ${sourceMap(packet.family, length)} ${found}`,
      }
    );
  }
  return undefined;
}

/** The rule as it was written, where the policy has one that says this. */
function written({ rules }: Policy, { family, protocol, port, from }: Packet): string | undefined {
  const wanted = protocol === icmp[6] && family === 6 ? 1 : protocol;
  const found = rules.find(
    (rule) =>
      rule.protocol === wanted &&
      (rule.firstPort === 0 || (port >= rule.firstPort && port <= rule.lastPort)) &&
      (rule.source === undefined ||
        (rule.source.includes(':') === (family === 6) &&
          (prefixLength(rule.source) === 0 || contains(rule.source, hostPrefix(from))))),
  );
  return found && ruleText(found);
}

const policyText = ({ presets: names, rules }: Policy): string =>
  [...names, ...rules.map(ruleText)].join(' ') || 'closed';

/** @param policy as the record has it: for words, the verdict comes from elements */
export function firewallStep(plane: Plane, packet: Packet, length: number, policy: Policy | undefined): Step {
  const tunnel = unitOf(packet.to, length);
  const found = element(plane, policyMap(packet.family), tunnel);
  const bits = found === undefined ? presetBit('ping') : Number(valueOf(found));
  const has = (bit: number): boolean => (bits & bit) === bit;
  const evidence = found === undefined ? 'the default: ping' : `${policyMap(packet.family)} ${found}`;
  const where = 'firewall';
  for (const name of presetNames) {
    const by = has(presetBit(name)) ? byPreset(name, packet) : undefined;
    if (by !== undefined) return { where, verdict: 'passes', rule: by, evidence };
  }
  const own = has(ownRulesBit) ? byRules(plane, tunnel, packet) : undefined;
  if (own !== undefined) {
    const words = policy && written(policy, packet);
    return { where, verdict: 'passes', rule: `rule ${words ?? own.by}`, evidence: own.evidence };
  }
  const firewall = policy === undefined ? '' : ` (firewall: ${policyText(policy)})`;
  const rule = `no preset or rule admits ${flowText(packet)} from ${packet.from}${firewall}`;
  return { where, verdict: 'dropped', rule, evidence };
}

/** The command that would let it in. */
export function admittingCommand(ref: string, { presets: names, rules }: Policy, packet: Packet): string {
  const ping = isEcho(packet);
  const wanted = presetNames.filter((name) => names.includes(name) || (ping && name === 'ping'));
  const said = wanted.length === 0 ? 'closed' : wanted.join(',');
  const allow = [...rules.map(ruleText), ...(ping ? [] : [flowText(packet)])].map((rule) => ` --allow ${rule}`);
  return `pop44 tunnel firewall set ${ref} ${said}${allow.join('')}`;
}
