import { create } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { PoolSchema, SlabSchema } from '#internal/gen/pop44/store/v1/records_pb.ts';
import { fold, poolId, type Snapshot, slabId, slabLengthOf } from '#internal/model/model.ts';
import { type Prefix, nthSubprefix, parsePrefix } from '#internal/netip/netip.ts';
import { withClub } from '#internal/testkit/club.ts';
import { communityChannel, communityOf, sourcesOf } from './community.ts';

/** One of the club's IPv6 networks is delegated on to the PoP of p1. */
function delegatedOn(before: Snapshot): { readonly snapshot: Snapshot; readonly prefix: Prefix } {
  const prefix = parsePrefix('2001:db8:44:c100::/56');
  const around = parsePrefix('2001:db8:44:c000::/50');
  if (typeof prefix !== 'string' || typeof around !== 'string') throw new TypeError('no prefix');
  const revision = before.revision + 1n;
  const parentPoolId = poolId(around);
  const slabLength = slabLengthOf(around);
  const pool = create(PoolSchema, {
    ...{ id: poolId(prefix), prefix, realmId: 'internet', parentPoolId, homePopId: 'p1' },
    ...{ slabLength: slabLengthOf(prefix), createdAt: { seconds: 3n } },
  });
  const slabs = Array.from({ length: 2 ** (slabLength - 56) }, (_, nth) => {
    const ids = { poolId: parentPoolId, delegatedPoolId: pool.id, homePopId: 'p1' };
    const record = create(SlabSchema, {
      ...ids,
      prefix: nthSubprefix(prefix, slabLength, BigInt(nth)),
      unitLength: 64,
    });
    return { kind: 'slab', id: slabId(parentPoolId, record.prefix as Prefix), stored: { revision, record } } as const;
  });
  const { snapshot } = fold(before, {
    revision,
    relisted: false,
    events: [...slabs, { kind: 'pool', id: pool.id, stored: { revision, record: pool } }],
  });
  return { snapshot, prefix };
}

test('what a club has was delegated on to another PoP is not the club’s to announce or to send from [N2]', () => {
  const { snapshot, prefix } = delegatedOn(withClub());
  const [p1, p3] = ['p1', 'p3'].map((id) => snapshot.nodes.get(id)?.record);
  if (p1 === undefined || p3 === undefined) throw new TypeError('no nodes');
  const community = communityOf(snapshot, p1, p3);
  if (community === undefined) throw new TypeError('no edge');
  expect(community.delegated.map(({ without }) => without)).toEqual([[prefix], []]);
  expect(communityChannel(community, 6).takes).toContain(
    '(net ~ [ 2001:db8:44:c000::/50{50,64} ] && !(net ~ [ 2001:db8:44:c100::/56{56,64} ]))',
  );
  const sources = sourcesOf(community, { far4: '172.30.0.3', far6: 'fd44:0:0:1::3' });
  expect(sources).toEqual(
    expect.arrayContaining(['44.31.3.0/24', '2001:db8:44:c000::/56', '2001:db8:44:c200::/55', '2001:db8:44:e000::/51']),
  );
  expect(sources).not.toContain('2001:db8:44:c000::/50');
  expect(sources).not.toContain(prefix);
});
