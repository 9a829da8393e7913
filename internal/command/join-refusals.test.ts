import { expect, test } from 'vitest';
import { emptySnapshot, fold } from '#internal/model/model.ts';
import { gone, joinOf, unjoined } from '#internal/testkit/fabric-requests.ts';
import { threePops } from '#internal/testkit/three-pops.ts';

/** p1 and p2 have a second link, as after a rotation of a key. */
const rotated = fold(unjoined, {
  revision: 10n,
  relisted: false,
  events: [...unjoined.interconnects].map(([id, { record }]) => {
    const other = { otherLink4: '172.30.0.8/31', otherLink6: 'fd44:0:0:1::8/127' };
    return { kind: 'interconnect', id, stored: { record: { ...record, ...other }, revision: 10n } } as const;
  }),
}).snapshot;

type Case = readonly [reason: string, outcome: unknown, message: string];

const joinCases: readonly Case[] = [
  [
    'required',
    joinOf('', 'p3'),
    'interconnect.node_a: is missing (1 to 32 characters of a-z, 0-9 and -, no - at either end)',
  ],
  ['not-found', joinOf('p9', 'p3'), 'interconnect.node_a: "p9" is no node of this network (one that exists)'],
  ['not-found', joinOf('p1', 'p9'), 'interconnect.node_b: "p9" is no node of this network (one that exists)'],
  ['invalid', joinOf('p3', 'p3'), 'interconnect.node_b: "p3" is node_a itself (two different nodes)'],
  [
    'already-exists',
    joinOf('p2', 'p1'),
    'interconnect.node_b: "p1" is joined to p2 by p1-p2 already (parallel, for another one beside it)',
  ],
  [
    'invalid',
    joinOf('p1', 'p3', { link4: '172.30.0.4/30' }),
    'interconnect.link4: "172.30.0.4/30" is no IPv4 /31 (two addresses, one an end)',
  ],
  [
    'invalid',
    joinOf('p1', 'p3', { link6: '172.30.0.4/31' }),
    'interconnect.link6: "172.30.0.4/31" is no IPv6 /127 (two addresses, one an end)',
  ],
  [
    'host-bits',
    joinOf('p1', 'p3', { link4: '172.30.0.5/31' }),
    'interconnect.link4: "172.30.0.5/31" has host bits (the prefix is 172.30.0.4/31)',
  ],
  [
    'invalid',
    joinOf('p1', 'p3', { link4: '224.0.0.4/31' }),
    'interconnect.link4: "224.0.0.4/31" holds no addresses of machines (leave it empty)',
  ],
  [
    'already-exists',
    joinOf('p1', 'p3', { link4: '172.30.0.0/31' }),
    'interconnect.link4: "172.30.0.0/31" is a link address of interconnect p1-p2 (one that nobody has)',
  ],
  [
    'already-exists',
    joinOf('p1', 'p3', { link6: 'fd44:0:0:1::/127' }),
    'interconnect.link6: "fd44:0:0:1::/127" is a link address of interconnect p1-p2 (one that nobody has)',
  ],
  [
    'already-exists',
    joinOf('p1', 'p3', { link4: '172.30.0.8/31' }, rotated),
    'interconnect.link4: "172.30.0.8/31" is a link address of interconnect p1-p2 (one that nobody has)',
  ],
  [
    'already-exists',
    joinOf('p1', 'p3', { link6: 'fd44:0:0:1::8/127' }, rotated),
    'interconnect.link6: "fd44:0:0:1::8/127" is a link address of interconnect p1-p2 (one that nobody has)',
  ],
  [
    'already-exists',
    joinOf('p1', 'p3', { link4: '198.18.210.2/31' }),
    'interconnect.link4: "198.18.210.2/31" is the loopback of node p2 (one that nobody has)',
  ],
  [
    'overlap',
    joinOf('p1', 'p3', { link4: '44.31.0.2/31' }),
    'interconnect.link4: "44.31.0.2/31" lies in the pool 44.31.0.0/22 (an address outside every pool)',
  ],
  [
    'already-exists',
    joinOf('p1', 'p3', { portA: 51900 }),
    'interconnect.port_a: "51900" is used on p1 by interconnect p1-p2 (another port, or 0 to have one chosen)',
  ],
  [
    'already-exists',
    joinOf('p1', 'p3', { portB: 51844 }),
    'interconnect.port_b: "51844" is used on p3 by the mesh (another port, or 0 to have one chosen)',
  ],
  [
    'already-exists',
    joinOf('p1', 'p3', { portB: 51820 }),
    'interconnect.port_b: "51820" is used on p3 by the endpoint of PoP p3 (another port, or 0 to have one chosen)',
  ],
  [
    'already-exists',
    joinOf('p1', 'p3', { underlayA: '198.18.2.2' }),
    'interconnect.underlay_a: "198.18.2.2" is the underlay address of node p2 (one that nobody has)',
  ],
  [
    'overlap',
    joinOf('p1', 'p3', { underlayB: '44.31.0.9' }),
    'interconnect.underlay_b: "44.31.0.9" lies in the pool 44.31.0.0/22 (an address outside every pool)',
  ],
  [
    'invalid',
    joinOf('p1', 'p3', { underlayB: 'fe80::1' }),
    'interconnect.underlay_b: "fe80::1" is no address of one machine (like 44.31.0.7 or 2001:db8::7)',
  ],
  [
    'invalid',
    joinOf('p1', 'p2', { parallel: true, underlayA: '2001:db8:1:1::9' }),
    'interconnect.underlay_a: "2001:db8:1:1::9" is of IPv6, and the other end p2 has none of it (addresses of one family at both ends)',
  ],
  [
    'invalid',
    joinOf('p1', 'p2', { parallel: true, underlayA: '2001:db8:1:1::9', underlayB: '198.18.2.9' }),
    'interconnect.underlay_a: "2001:db8:1:1::9" is of IPv6, and the other end p2 has none of it (addresses of one family at both ends)',
  ],
  [
    'invalid',
    joinOf('p3', 'p3', { parallel: true }),
    'interconnect.node_b: "p3" is node_a itself (two different nodes)',
  ],
  [
    'already-exists',
    joinOf('p1', 'p2', { parallel: true, link4: '172.30.0.0/31' }),
    'interconnect.link4: "172.30.0.0/31" is a link address of interconnect p1-p2 (one that nobody has)',
  ],
  ['invalid', joinOf('p1', 'p3', { portB: 70000 }), 'interconnect.port_b: "70000" is out of range (1 to 65535)'],
  ['invalid', joinOf('p1', 'p3', { mtu: 1279 }), 'interconnect.mtu: "1279" is out of range (1280 to 9000)'],
  ['invalid', joinOf('p1', 'p3', { mtu: 9001 }), 'interconnect.mtu: "9001" is out of range (1280 to 9000)'],
  ['not-ready', joinOf('p1', 'p3', {}, emptySnapshot()), 'no network has been created yet (pop44 network create)'],
];

test.each(joinCases.map(([reason, outcome, message]) => ({ reason, outcome, message })))(
  'no interconnect: $message',
  ({ reason, outcome, message }) => {
    expect(outcome).toMatchObject({ refused: reason, message });
  },
);

test('nodes that share no family of the underlay cannot be joined', () => {
  const apart = threePops();
  const far = apart.nodes.get('p3')?.record;
  if (far !== undefined) Object.assign(far, { underlay4: '', underlay6: '2001:db8:1:3::2' });
  const { snapshot } = fold(apart, { revision: 9n, relisted: false, events: gone('p1-p3') });
  expect(joinOf('p1', 'p3', {}, snapshot)).toMatchObject({
    refused: 'invalid',
    message:
      'interconnect.node_b: "p3" has no underlay address of a family that p1 has (nodes that reach each other by IPv4 or by IPv6)',
  });
});
