import { describe, expect, test } from 'vitest';
import type { MessageInitShape } from '@bufbuild/protobuf';
import type { FirewallRuleSchema, FirewallSchema } from '#internal/gen/pop44/v1/tunnels_pb.ts';
import { decisionOf } from '#internal/testkit/fabric-requests.ts';
import { type Case, createIn, found, named, updateIn, with3 } from '#internal/testkit/tunnel-requests.ts';
import { toTunnel } from './command.ts';

type Rule = MessageInitShape<typeof FirewallRuleSchema>;
const withRule = (...rules: Rule[]) => createIn(with3, { firewall: { rules } });
const withPresets = (...presets: string[]) => createIn(with3, { firewall: { presets } });

const presetCure =
  'one or more of ping, web, ssh, echolink, iax2, voter, open, closed, as tunnel firewall presets shows them';
const protocolCure = 'tcp, udp, icmp, or the number of another IP protocol, 0 to 255';
const at = 'tunnel.firewall.rules[0]';

const refusals: readonly Case[] = [
  ['invalid', withPresets('web', 'telnet'), `tunnel.firewall.presets: "telnet" is no preset (${presetCure})`],
  [
    'invalid',
    withPresets('web; flush ruleset'),
    `tunnel.firewall.presets: "web; flush ruleset" is no preset (${presetCure})`,
  ],
  ['invalid', withPresets('__proto__'), `tunnel.firewall.presets: "__proto__" is no preset (${presetCure})`],
  [
    'invalid',
    withPresets('web', 'closed'),
    'tunnel.firewall.presets: "web,closed" is closed and open at once (closed alone, or web)',
  ],
  ['required', withRule({}), `${at}.protocol: is missing (${protocolCure})`],
  ['invalid', withRule({ protocol: 'tcp"; drop' }), `${at}.protocol: "tcp\\"; drop" is no protocol (${protocolCure})`],
  ['invalid', withRule({ protocol: '256' }), `${at}.protocol: "256" is no protocol (${protocolCure})`],
  ['invalid', withRule({ protocol: '06' }), `${at}.protocol: "06" is no protocol (${protocolCure})`],
  [
    'invalid',
    withRule({ protocol: '47', firstPort: 1 }),
    `${at}.first_port: "1-1" is of a protocol without ports, 47 (leave the ports out)`,
  ],
  [
    'invalid',
    withRule({ protocol: 'icmp', firstPort: 8 }),
    `${at}.first_port: "8-8" is of a protocol without ports, icmp (leave the ports out)`,
  ],
  ['invalid', withRule({ protocol: 'tcp', lastPort: 80 }), `${at}.first_port: "0" is out of range (1 to 65535)`],
  [
    'invalid',
    withRule({ protocol: 'tcp', firstPort: 80, lastPort: 65_536 }),
    `${at}.last_port: "65536" is out of range (1 to 65535)`,
  ],
  [
    'invalid',
    withRule({ protocol: 'udp', firstPort: 81, lastPort: 80 }),
    `${at}.last_port: "81-80" ends before it begins (the lower port first)`,
  ],
  [
    'invalid',
    withRule({ protocol: 'tcp', source: '203.0.113.0/24; drop' }),
    `${at}.source: "203.0.113.0/24; drop" has no such length (/0 to /32)`,
  ],
  [
    'host-bits',
    withRule({ protocol: 'tcp', source: '203.0.113.7/24' }),
    `${at}.source: "203.0.113.7/24" has host bits (the prefix is 203.0.113.0/24)`,
  ],
  [
    'invalid',
    withRule({ protocol: 'tcp', source: '128.0.0.0/1' }),
    `${at}.source: "128.0.0.0/1" has a length that no rule takes (/8 to /32, or /0 for all of IPv4)`,
  ],
  [
    'invalid',
    withRule({ protocol: 'tcp', source: '2001:db8::/96' }),
    `${at}.source: "2001:db8::/96" has a length that no rule takes (/16 to /64, /128, or /0 for all of IPv6)`,
  ],
  [
    'invalid',
    withRule(...Array.from({ length: 10_000 }, (_, n) => ({ protocol: 'tcp', firstPort: n + 1 }))),
    'tunnel.firewall.rules: "10000" are more than a tunnel has (at most 64; one rule takes a range of ports)',
  ],
  [
    'invalid',
    withRule(
      ...Array.from({ length: 64 }, (_, n) => ({
        protocol: 'tcp',
        firstPort: 1_000 * n + 1,
        lastPort: 1_000 * n + 998,
        source: `203.0.0.0/${8 + (n % 25)}`,
      })),
    ),
    'tunnel.firewall.rules: "17197" are more entries than a tunnel may take (at most 4000: fewer sources that lie in each other, or ranges that begin and end at multiples of 64)',
  ],
  [
    'invalid',
    updateIn(with3, { firewall: { presets: ['x'] } }),
    `tunnel.firewall.presets: "x" is no preset (${presetCure})`,
  ],
];

describe('no firewall', () => {
  test.each(named(refusals))('$message', ({ reason, outcome, message }) => {
    expect(outcome).toMatchObject({ refused: reason, message });
  });
});

function tunnelIn(outcome: Parameters<typeof decisionOf>[0]) {
  const write = decisionOf(outcome).writes.find(({ op, kind }) => op === 'put' && kind === 'tunnel');
  if (write?.op !== 'put' || write.kind !== 'tunnel') throw new TypeError('no tunnel');
  return write.record;
}
const kept = (firewall: MessageInitShape<typeof FirewallSchema>) => tunnelIn(createIn(with3, { firewall })).firewall;

describe('a firewall', () => {
  test('that is not named is the default one, and shown as such', () => {
    expect(tunnelIn(createIn(with3)).firewall).toBeUndefined();
    expect(toTunnel(with3, found(with3)).firewall).toMatchObject({ presets: ['ping'], rules: [] });
  });

  test('is kept in one order, each rule once', () => {
    const again = { protocol: 'tcp', firstPort: 22, lastPort: 22 };
    expect(kept({ presets: ['web', 'ping', 'web'], rules: [{ protocol: 'tcp', firstPort: 22 }, again] })).toMatchObject(
      {
        presets: ['ping', 'web'],
        rules: [{ protocol: 6, firstPort: 22, lastPort: 22, source: '' }],
      },
    );
  });

  test('takes a protocol by its number, and ICMP of both families by one word', () => {
    const rules = ['47', 'icmp', '58', '6'].map((protocol) => ({ protocol }));
    expect(kept({ rules })?.rules.map(({ protocol }) => protocol)).toEqual([47, 1, 6]);
  });

  test('that is closed with rules is these rules alone', () => {
    expect(kept({ presets: ['closed'], rules: [{ protocol: 'tcp', firstPort: 80 }] })).toMatchObject({ presets: [] });
    const record = { ...found(with3).record, firewall: kept({ presets: ['closed'] }) } as ReturnType<typeof tunnelIn>;
    expect(toTunnel(with3, { record }).firewall).toMatchObject({ presets: ['closed'], rules: [] });
  });

  test('is replaced whole by an update, and stays when an update is about something else', () => {
    const changed = tunnelIn(updateIn(with3, { firewall: { presets: ['ssh'] } }));
    expect(changed.firewall).toMatchObject({ presets: ['ssh'], rules: [] });
    const record = { ...found(with3).record, firewall: changed.firewall } as typeof changed;
    const stored = { ...with3, tunnels: with3.tunnels.set('t1', { record, revision: 3n }) };
    expect(tunnelIn(updateIn(stored, { mtu: 1300 })).firewall).toMatchObject({ presets: ['ssh'] });
  });
});
