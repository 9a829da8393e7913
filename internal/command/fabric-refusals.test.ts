import { create } from '@bufbuild/protobuf';
import { describe, expect, test } from 'vitest';
import { Plane, PopKind } from '#internal/gen/pop44/store/v1/records_pb.ts';
import { CreatePopRequestSchema } from '#internal/gen/pop44/v1/fabric_pb.ts';
import { emptySnapshot } from '#internal/model/model.ts';
import { context, fabric, joinOf, nodeOf, popOf, upstreamOf } from '#internal/testkit/fabric-requests.ts';
import { testKey } from '#internal/testkit/three-pops.ts';
import { createPop } from './command.ts';

const id33 = 'a'.repeat(33);

type Case = readonly [reason: string, outcome: unknown, message: string];

const popCases: readonly Case[] = [
  ['required', popOf({ id: '' }), 'pop.id: is missing (1 to 32 characters of a-z, 0-9 and -, no - at either end)'],
  [
    'invalid',
    popOf({ id: 'P4' }),
    'pop.id: "P4" is not an id (1 to 32 characters of a-z, 0-9 and -, no - at either end)',
  ],
  [
    'invalid',
    popOf({ id: '-p4' }),
    'pop.id: "-p4" is not an id (1 to 32 characters of a-z, 0-9 and -, no - at either end)',
  ],
  [
    'invalid',
    popOf({ id: id33 }),
    `pop.id: "${id33}" is not an id (1 to 32 characters of a-z, 0-9 and -, no - at either end)`,
  ],
  ['already-exists', popOf({ id: 'p1' }), 'pop.id: "p1" exists already (another id)'],
  ['required', popOf({ kind: PopKind.UNSPECIFIED }), 'pop.kind: is missing (core, regional or micro)'],
  ['invalid', popOf({ kind: 9 as PopKind }), 'pop.kind: "9" is no kind of PoP (core, regional or micro)'],
  [
    'required',
    popOf({ endpoint4: '' }),
    'pop.endpoint4: and pop.endpoint6 are both missing (clients need at least one address to send to)',
  ],
  ['invalid', popOf({ endpoint4: '2001:db8::1' }), 'pop.endpoint4: "2001:db8::1" is no IPv4 address (like 44.31.0.7)'],
  ['invalid', popOf({ endpoint6: '198.18.0.1' }), 'pop.endpoint6: "198.18.0.1" is no IPv6 address (like 2001:db8::7)'],
  [
    'invalid',
    popOf({ endpoint4: '127.0.0.1' }),
    'pop.endpoint4: "127.0.0.1" is no address of one machine (like 44.31.0.7)',
  ],
  [
    'invalid',
    popOf({ endpoint6: 'fe80::1%eth0' }),
    'pop.endpoint6: "fe80::1%eth0" has a zone (an address without %zone)',
  ],
  [
    'already-exists',
    popOf({ endpoint4: '198.18.200.1' }),
    'pop.endpoint4: "198.18.200.1" is the endpoint of PoP p1 (one that nobody has)',
  ],
  [
    'already-exists',
    popOf({ endpoint4: '198.18.210.1' }),
    'pop.endpoint4: "198.18.210.1" is the loopback of node p1 (one that nobody has)',
  ],
  [
    'overlap',
    popOf({ endpoint4: '44.31.0.9' }),
    'pop.endpoint4: "44.31.0.9" lies in the pool 44.31.0.0/22 (an address outside every pool)',
  ],
  ['invalid', popOf({ endpointPort: 0 }), 'pop.endpoint_port: "0" is out of range (1 to 65535)'],
  [
    'invalid',
    popOf({ endpointPort: 4789 }),
    'pop.endpoint_port: "4789" is what the two nodes of a PoP hear each other by (VXLAN) (another port)',
  ],
  [
    'invalid',
    joinOf('p1', 'p3', { portB: 4789 }),
    'interconnect.port_b: "4789" is what the two nodes of a PoP hear each other by (VXLAN) (another port)',
  ],
  ['invalid', popOf({ endpointPort: 65536 }), 'pop.endpoint_port: "65536" is out of range (1 to 65535)'],
  ['required', popOf({ publicKey: '' }), 'pop.public_key: is missing (44 characters of base64 for 32 bytes)'],
  [
    'invalid',
    popOf({ publicKey: 'abc' }),
    'pop.public_key: "abc" is not a WireGuard key (44 characters of base64 for 32 bytes)',
  ],
  [
    'duplicate-key',
    popOf({ publicKey: testKey(101) }),
    `pop.public_key: "${testKey(101)}" is the key of PoP p1 (a key pair of its own for each PoP)`,
  ],
  [
    'invalid',
    popOf({ description: '\u0007' }),
    'pop.description: "\\u0007" has control or invisible characters (one line of visible text)',
  ],
  [
    'invalid',
    popOf({ description: 'a\u202eb\u200b' }),
    'pop.description: "a\\u{202e}b\\u{200b}" has control or invisible characters (one line of visible text)',
  ],
  [
    'invalid',
    popOf({ failureDomain: `${'x'.repeat(76)}\u{1f4e1}\u{1f4e1}\u{1f4e1}` }),
    `pop.failure_domain: "${'x'.repeat(76)}..." has 79 characters (at most 64)`,
  ],
  [
    'invalid',
    popOf({ failureDomain: 'x'.repeat(65) }),
    `pop.failure_domain: "${'x'.repeat(65)}" has 65 characters (at most 64)`,
  ],
  ['not-ready', popOf({}, emptySnapshot()), 'no network has been created yet (pop44 network create)'],
  [
    'required',
    createPop(fabric, create(CreatePopRequestSchema), context),
    'pop.id: is missing (1 to 32 characters of a-z, 0-9 and -, no - at either end)',
  ],
];

const nodeCases: readonly Case[] = [
  ['required', nodeOf({ id: '' }), 'node.id: is missing (1 to 32 characters of a-z, 0-9 and -, no - at either end)'],
  ['already-exists', nodeOf({ id: 'p1' }), 'node.id: "p1" exists already (another id)'],
  ['not-found', nodeOf({ popId: 'p9' }), 'node.pop_id: "p9" is no PoP of this network (one that exists)'],
  ['invalid', nodeOf({ asn: 64512 }), 'node.asn: "64512" is out of range (4200000000 to 4219999999)'],
  ['invalid', nodeOf({ asn: 4_220_000_000 }), 'node.asn: "4220000000" is out of range (4200000000 to 4219999999)'],
  [
    'already-exists',
    nodeOf({ asn: 4_200_000_002 }),
    'node.asn: "4200000002" is the ASN of node p2 (one of its own for each node)',
  ],
  ['invalid', nodeOf({ asn: 0 }), 'node.asn: "0" is out of range (4200000000 to 4219999999)'],
  ['invalid', nodeOf({ asn: 4_199_999_999 }), 'node.asn: "4199999999" is out of range (4200000000 to 4219999999)'],
  ['required', nodeOf({ loopback4: '' }), 'node.loopback4: is missing (an address like 44.31.0.7)'],
  ['required', nodeOf({ loopback6: '' }), 'node.loopback6: is missing (an address like 2001:db8::7)'],
  [
    'invalid',
    nodeOf({ loopback4: '198.18.210' }),
    'node.loopback4: "198.18.210" is not an IP address (like 44.31.0.7 or 2001:db8::7)',
  ],
  [
    'already-exists',
    nodeOf({ loopback4: '198.18.210.2' }),
    'node.loopback4: "198.18.210.2" is the loopback of node p2 (one that nobody has)',
  ],
  [
    'overlap',
    nodeOf({ loopback6: '2001:db8:44::1' }),
    'node.loopback6: "2001:db8:44::1" lies in the pool 2001:db8:44::/48 (an address outside every pool)',
  ],
  [
    'required',
    nodeOf({ underlay4: '' }),
    'node.underlay4: and node.underlay6 are both missing (other nodes need at least one address to reach it at)',
  ],
  [
    'already-exists',
    nodeOf({ underlay4: '198.18.1.2' }),
    'node.underlay4: "198.18.1.2" is the underlay address of node p1 (one that nobody has)',
  ],
  [
    'already-exists',
    nodeOf({ underlay4: '198.18.210.11' }),
    'node.underlay4: "198.18.210.11" is node.loopback4 of the same node (one that nobody has)',
  ],
  ['required', nodeOf({ meshAddress: '' }), 'node.mesh_address: is missing (an address like 44.31.0.7 or 2001:db8::7)'],
  [
    'already-exists',
    nodeOf({ meshAddress: 'fd44:44:0::3' }),
    'node.mesh_address: "fd44:44::3" is the mesh address of node p3 (one that nobody has)',
  ],
  [
    'invalid',
    nodeOf({ meshPublicKey: 'x' }),
    'node.mesh_public_key: "x" is not a WireGuard key (44 characters of base64 for 32 bytes)',
  ],
  [
    'duplicate-key',
    nodeOf({ meshPublicKey: testKey(203) }),
    `node.mesh_public_key: "${testKey(203)}" is the key of node p3 (a key pair of its own for each node)`,
  ],
  [
    'duplicate-key',
    nodeOf({ interconnectPublicKey: testKey(301) }),
    `node.interconnect_public_key: "${testKey(301)}" is the key of node p1 (a key pair of its own for each node)`,
  ],
  ['invalid', nodeOf({ meshPort: 0 }), 'node.mesh_port: "0" is out of range (1 to 65535)'],
  ['invalid', nodeOf({ apiPort: 70000 }), 'node.api_port: "70000" is out of range (1 to 65535)'],
  ['not-ready', nodeOf({}, emptySnapshot()), 'no network has been created yet (pop44 network create)'],
];

const upstreamCases: readonly Case[] = [
  [
    'required',
    upstreamOf({ id: '' }),
    'upstream.id: is missing (1 to 32 characters of a-z, 0-9 and -, no - at either end)',
  ],
  ['already-exists', upstreamOf({ id: 'p1-pop' }), 'upstream.id: "p1-pop" exists already (another id)'],
  ['not-found', upstreamOf({ nodeId: 'p9' }), 'upstream.node_id: "p9" is no node of this network (one that exists)'],
  [
    'required',
    upstreamOf({ plane: Plane.UNSPECIFIED }),
    'upstream.plane: is missing (transport (endpoints) or pop (pools))',
  ],
  [
    'invalid',
    upstreamOf({ plane: 7 as Plane }),
    'upstream.plane: "7" is no plane (transport (endpoints) or pop (pools))',
  ],
  [
    'required',
    upstreamOf({ neighbor4: '' }),
    'upstream.neighbor4: and upstream.neighbor6 are both missing (the address of the neighbour in at least one family)',
  ],
  [
    'invalid',
    upstreamOf({ neighbor6: 'fe80::1' }),
    'upstream.neighbor6: "fe80::1" is no address of one machine (like 2001:db8::7)',
  ],
  [
    'already-exists',
    upstreamOf({ neighbor4: '198.18.11.1' }),
    'upstream.neighbor4: "198.18.11.1" is the neighbour of upstream p1-pop already (one session for each neighbour)',
  ],
  ['invalid', upstreamOf({ neighborAsn: 0 }), 'upstream.neighbor_asn: "0" is out of range (1 to 4294967294)'],
  [
    'invalid',
    upstreamOf({ neighborAsn: 4_294_967_295 }),
    'upstream.neighbor_asn: "4294967295" is out of range (1 to 4294967294)',
  ],
  [
    'invalid',
    upstreamOf({ neighborAsn: 23456 }),
    'upstream.neighbor_asn: "23456" is reserved (the ASN that the neighbour really has)',
  ],
  [
    'invalid',
    upstreamOf({ neighborAsn: 65_535 }),
    'upstream.neighbor_asn: "65535" is reserved (the ASN that the neighbour really has)',
  ],
  [
    'invalid',
    upstreamOf({ neighborAsn: 4_200_000_001 }),
    `upstream.neighbor_asn: "4200000001" is the node's own ASN (an upstream is another network)`,
  ],
];

describe.each([
  ['PoP', popCases],
  ['node', nodeCases],
  ['upstream', upstreamCases],
] as const)('no %s', (_what, cases) => {
  test.each(cases.map(([reason, outcome, message]) => ({ reason, outcome, message })))(
    '$message',
    ({ reason, outcome, message }) => {
      expect(outcome).toMatchObject({ refused: reason, message });
    },
  );
});
