import { create } from '@bufbuild/protobuf';
import { describe, expect, test } from 'vitest';
import { isRefusal } from '#internal/errors/errors.ts';
import { CreatePoolRequestSchema } from '#internal/gen/pop44/v1/pools_pb.ts';
import { fold, type Snapshot } from '#internal/model/model.ts';
import { commandContext } from '#internal/testkit/command-context.ts';
import { decisionOf } from '#internal/testkit/fabric-requests.ts';
import { createLedger } from '#internal/testkit/ledger.ts';
import { threePops } from '#internal/testkit/three-pops.ts';
import { createPool, findPool, toPool } from './command.ts';

const fabric = threePops();
const lab = threePops();
if (lab.network !== undefined) lab.network.record.allowDocumentationSpace = true;

const createIn = (snapshot: Snapshot, prefix: string, rest: object = {}) =>
  createPool(snapshot, create(CreatePoolRequestSchema, { prefix, ...rest }), commandContext(snapshot));

const refused: readonly (readonly [name: string, prefix: string, rest: object, message: string])[] = [
  ['required', '', {}, 'pool.prefix: is missing (a prefix like 44.31.0.0/22 or 2001:db8:44::/48)'],
  ['invalid', '44.31.0.0', {}, 'pool.prefix: "44.31.0.0" is not a prefix (like 44.31.0.0/22 or 2001:db8:44::/48)'],
  ['invalid', '044.60.0.0/16', {}, 'pool.prefix: "044.60.0.0/16" is not an IP address (like 44.31.0.7 or 2001:db8::7)'],
  ['host-bits', '44.60.1.0/22', {}, 'pool.prefix: "44.60.1.0/22" has host bits (the prefix is 44.60.0.0/22)'],
  ['invalid', '44.0.0.0/7', {}, 'pool.prefix: "44.0.0.0/7" is too large for a pool (/8 to /30)'],
  ['invalid', '44.60.0.0/31', {}, 'pool.prefix: "44.60.0.0/31" is too small for a pool (/8 to /30)'],
  ['invalid', '2a00::/16', {}, 'pool.prefix: "2a00::/16" is too large for a pool (/20 to /64)'],
  ['invalid', '2a00:44::/65', {}, 'pool.prefix: "2a00:44::/65" is too small for a pool (/20 to /64)'],
  [
    'excluded-space',
    '10.44.0.0/16',
    {},
    'pool.prefix: "10.44.0.0/16" meets 10.0.0.0/8: private use, RFC 1918 (public address space that is yours)',
  ],
  [
    'excluded-space',
    '44.192.0.0/16',
    {},
    'pool.prefix: "44.192.0.0/16" meets 44.192.0.0/10: sold in 2019, no longer amateur radio, ARDC (public address space that is yours)',
  ],
  [
    'excluded-space',
    '2001:db8:55::/48',
    {},
    'pool.prefix: "2001:db8:55::/48" meets 2001:db8::/32: documentation, RFC 3849 (public address space that is yours)',
  ],
  ['already-exists', '44.31.0.0/22', {}, 'pool.prefix: "44.31.0.0/22" is a pool of the realm internet already'],
  [
    'overlap',
    '44.31.2.0/24',
    {},
    'pool.prefix: "44.31.2.0/24" overlaps the pool 44.31.0.0/22 of the realm internet (pools of one realm lie side by side)',
  ],
  [
    'overlap',
    '44.31.0.0/16',
    {},
    'pool.prefix: "44.31.0.0/16" overlaps the pool 44.31.0.0/22 of the realm internet (pools of one realm lie side by side)',
  ],
  [
    'overlap',
    '44.27.0.0/16',
    {},
    `pool.prefix: "44.27.0.0/16" holds 44.27.0.3/32, the endpoint of PoP p3 (a pool holds none of the fabric's own addresses)`,
  ],
  [
    'not-found',
    '44.60.0.0/22',
    { realmId: 'hamnet' },
    'pool.realm_id: "hamnet" is no realm of this network (one that exists)',
  ],
  [
    'not-found',
    '44.60.0.0/22',
    { homePopId: 'p9' },
    'pool.home_pop_id: "p9" is no PoP of this network (one that exists)',
  ],
  [
    'invalid',
    '44.60.0.0/22',
    { quarantineSeconds: 2_592_001 },
    'pool.quarantine_seconds: "2592001" is out of range (0 to 2592000)',
  ],
  [
    'invalid',
    '44.60.0.0/22',
    { description: 'a\nb' },
    'pool.description: "a\\nb" has control or invisible characters (one line of visible text)',
  ],
  [
    'invalid',
    '44.60.0.0/22',
    { description: 'x'.repeat(201) },
    `pool.description: "${'x'.repeat(77)}..." has 201 characters (at most 200)`,
  ],
];

test.each(refused)('no pool: %s %s', (reason, prefix, rest, message) => {
  expect(createIn(fabric, prefix, rest)).toMatchObject({ refused: reason, message });
});

test('a network that does not exist has no pools', () => {
  const { snapshot } = fold(fabric, { revision: 9n, relisted: false, events: [{ kind: 'network', id: 'network' }] });
  expect(createIn(snapshot, '44.60.0.0/22')).toMatchObject({ refused: 'not-ready' });
});

test('records of a newer schema are left alone', () => {
  const newer = threePops();
  if (newer.network !== undefined) newer.network.record.minReaderVersion = 2;
  expect(createIn(newer, '44.60.0.0/22')).toMatchObject({
    refused: 'not-ready',
    message: 'the records want a reader of version 2, this daemon reads 1 (upgrade pop44d)',
  });
});

describe('a pool', () => {
  test('is created with its slab length, and the realm is rewritten with it', () => {
    const outcome = createIn(fabric, '2A00:44::/32', { description: 'IPv6' });
    expect(outcome).toMatchObject({
      decision: {
        compares: [
          { kind: 'network', id: 'network', revision: 1n },
          { kind: 'realm', id: 'internet', revision: 1n },
          { kind: 'pool', id: '6-2a000044000000000000000000000000-32', revision: 0n },
        ],
        writes: [
          { op: 'put', kind: 'realm', id: 'internet' },
          {
            op: 'put',
            kind: 'pool',
            record: {
              prefix: '2a00:44::/32',
              slabLength: 48,
              realmId: 'internet',
              createdAt: { seconds: 1_760_000_000n },
            },
          },
        ],
      },
      response: { pool: { prefix: '2a00:44::/32', etag: '', slabs: 0, description: 'IPv6' } },
    });
  });

  test('of documentation space is for labs', () => {
    expect(isRefusal(createIn(lab, '2001:db8:55::/48'))).toBe(false);
    expect(createIn(lab, '10.44.0.0/16')).toMatchObject({ refused: 'excluded-space' });
  });

  test('and an overlapping one that is created at the same moment: one commits [A7]', () => {
    const ledger = createLedger(fabric);
    const [one, other] = [decisionOf(createIn(fabric, '44.60.0.0/22')), decisionOf(createIn(fabric, '44.60.0.0/16'))];
    expect(ledger.commit(one)).toBeDefined();
    expect(ledger.commit(other)).toBeUndefined();
    expect(createIn(ledger.snapshot, '44.60.0.0/16')).toMatchObject({ refused: 'overlap' });
  });

  test('is found by id and by any spelling of its prefix, and shows what lies in it', () => {
    const snapshot = threePops(2);
    for (const ref of ['6-20010db8004400000000000000000000-48', '2001:db8:44::/48', '2001:DB8:44:0::/48']) {
      const found = findPool(snapshot, ref);
      expect(isRefusal(found) ? found.message : toPool(snapshot, found)).toMatchObject({
        id: '6-20010db8004400000000000000000000-48',
        slabs: 1,
        allocations: 2n,
        etag: '1',
      });
    }
  });
});
