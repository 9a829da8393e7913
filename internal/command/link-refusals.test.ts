import { create } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { DeleteInterconnectRequestSchema } from '#internal/gen/pop44/v1/fabric_pb.ts';
import { fold } from '#internal/model/model.ts';
import { context, fabric, gone, joinOf } from '#internal/testkit/fabric-requests.ts';
import { threePops } from '#internal/testkit/three-pops.ts';
import { deleteInterconnect } from './command.ts';

test.each([
  [
    'overlap',
    { link6: '2001:db8:44:1::2/127' },
    'interconnect.link6: "2001:db8:44:1::2/127" lies in the pool 2001:db8:44::/48 (an address outside every pool)',
  ],
  [
    'already-exists',
    { link4: '198.18.1.2/31' },
    'interconnect.link4: "198.18.1.2/31" is the underlay address of node p1 (one that nobody has)',
  ],
  [
    'already-exists',
    { link6: 'fd44:44::2/127' },
    'interconnect.link6: "fd44:44::2/127" is the mesh address of node p2 (one that nobody has)',
  ],
  [
    'already-exists',
    { link4: '198.18.200.2/31' },
    'interconnect.link4: "198.18.200.2/31" is the endpoint of PoP p2 (one that nobody has)',
  ],
  [
    'already-exists',
    { link6: '2001:db8:1:f2::/127' },
    'interconnect.link6: "2001:db8:1:f2::/127" is the loopback of node p2 (one that nobody has)',
  ],
  [
    'already-exists',
    { link4: '198.18.11.0/31' },
    'interconnect.link4: "198.18.11.0/31" is the neighbour of upstream p1-pop (one that nobody has)',
  ],
  [
    'invalid',
    { link4: '0.0.0.0/31' },
    'interconnect.link4: "0.0.0.0/31" holds no addresses of machines (leave it empty)',
  ],
  ['invalid', { link6: '::/127' }, 'interconnect.link6: "::/127" holds no addresses of machines (leave it empty)'],
  [
    'invalid',
    { link6: 'fe80::2/127' },
    'interconnect.link6: "fe80::2/127" holds no addresses of machines (leave it empty)',
  ],
  [
    'invalid',
    { link4: '172.30.0.4' },
    'interconnect.link4: "172.30.0.4" is not a prefix (like 44.31.0.0/22 or 2001:db8:44::/48)',
  ],
] as const)('a link of others is refused: %s %o', (refused, link, message) => {
  expect(joinOf('p1', 'p3', link)).toMatchObject({ refused, message });
});

test('an address that an interconnect or a heartbeat speaks by is no link of another one', () => {
  const spoken = threePops();
  Object.assign(spoken.interconnects.get('p1-p2')?.record ?? {}, {
    underlayA: '198.18.40.2',
    underlayB: '198.18.40.4',
  });
  Object.assign(spoken.nodes.get('p2')?.record ?? {}, { heartbeat: '198.18.41.2' });
  const { snapshot } = fold(spoken, { revision: 9n, relisted: false, events: gone('p1-p3') });
  for (const [link4, by] of [
    ['198.18.40.2/31', 'an underlay address of interconnect p1-p2'],
    ['198.18.40.4/31', 'an underlay address of interconnect p1-p2'],
    ['198.18.41.2/31', 'the heartbeat address of node p2'],
  ] as const)
    expect(joinOf('p1', 'p3', { link4 }, snapshot)).toMatchObject({
      refused: 'already-exists',
      message: `interconnect.link4: "${link4}" is ${by} (one that nobody has)`,
    });
});

test('an interconnect that nobody knows is not taken away', () => {
  const request = create(DeleteInterconnectRequestSchema, { interconnect: 'p1-p9', force: true });
  expect(deleteInterconnect(fabric, request, context)).toMatchObject({
    refused: 'not-found',
    message: 'interconnect: "p1-p9" is no interconnect of this network (one that exists)',
  });
});
