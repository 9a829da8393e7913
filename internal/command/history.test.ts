import { create } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { freeIndexOf, nothingUnseen } from '#internal/allocator/allocator.ts';
import { isRefusal, type Refusal } from '#internal/errors/errors.ts';
import { CreatePoolRequestSchema, DeletePoolRequestSchema } from '#internal/gen/pop44/v1/pools_pb.ts';
import {
  CreateTunnelRequestSchema,
  DeleteTunnelRequestSchema,
  UpdateTunnelRequestSchema,
} from '#internal/gen/pop44/v1/tunnels_pb.ts';
import { ownsKey, type Snapshot, standingPrefixes } from '#internal/model/model.ts';
import type { Decision } from '#internal/model/record.ts';
import { commandContext } from '#internal/testkit/command-context.ts';
import { disjoint } from '#internal/testkit/disjoint.ts';
import { decisionOf } from '#internal/testkit/fabric-requests.ts';
import { createLedger } from '#internal/testkit/ledger.ts';
import { testKey, threePops } from '#internal/testkit/three-pops.ts';
import { createPool, createTunnel, deletePool, deleteTunnel, updateTunnel } from './command.ts';

// Few of everything, so that commands meet: small nested pools, few keys, few names.
const poolPrefixes = ['44.60.0.0/29', '44.60.0.0/30', '44.60.0.4/30', '2a00:44:0:8::/61', '2a00:44:0:8::/63'];
const step = fc.record({
  what: fc.constantFrom('create', 'create', 'create', 'create', 'delete', 'update', 'pool', 'pool', 'unpool'),
  /** How many commits the deciding daemon's snapshot is behind. */
  behind: fc.constantFrom(0, 0, 1, 1, 2, 5),
  home: fc.constantFrom('p1', 'p2', ''),
  key: fc.nat(4),
  pool: fc.constantFrom(...poolPrefixes),
  other: fc.constantFrom(...poolPrefixes),
  named: fc.boolean(),
  which: fc.nat(),
  random: fc.double({ min: 0, max: 0.4, noNaN: true }),
});
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

function decide(snapshot: Snapshot, s: Step, at: number): Refusal | { readonly decision: Decision } {
  const unseen = { ...nothingUnseen, taken: new Set([`4-2c3c0000-29/2c3c000${s.which % 8}`]) };
  const context = commandContext(snapshot, { unseen, random: () => s.random }, at + 1);
  const tunnels = [...snapshot.tunnels.keys()].sort();
  const tunnel = tunnels[s.which % Math.max(1, tunnels.length)] ?? 'nobody';
  const publicKey = testKey(500 + s.key);
  switch (s.what) {
    case 'create': {
      const pools = s.named ? [s.pool, s.other] : [];
      return createTunnel(
        snapshot,
        create(CreateTunnelRequestSchema, { publicKey, homePopId: s.home, pools }),
        context,
      );
    }
    case 'delete':
      return deleteTunnel(snapshot, create(DeleteTunnelRequestSchema, { tunnel }), context);
    case 'update': {
      const name = `name-${s.which % 3}`;
      return updateTunnel(
        snapshot,
        create(UpdateTunnelRequestSchema, { tunnel, publicKey, ...(s.named && { name }) }),
        context,
      );
    }
    case 'pool':
      return createPool(snapshot, create(CreatePoolRequestSchema, { prefix: s.pool }), context);
    default:
      return deletePool(snapshot, create(DeletePoolRequestSchema, { pool: s.pool }), context);
  }
}

const fabric = createLedger(threePops());
const context = commandContext(fabric.snapshot);
for (const pool of ['44.31.0.0/22', '2001:db8:44::/48']) {
  fabric.commit(decisionOf(deletePool(fabric.snapshot, create(DeletePoolRequestSchema, { pool }), context)));
}
const withoutPools = fabric.snapshot;
for (const prefix of ['44.60.0.0/29', '2a00:44:0:8::/61']) {
  fabric.commit(decisionOf(createPool(fabric.snapshot, create(CreatePoolRequestSchema, { prefix }), context)));
}
const withPools = fabric.snapshot;

test('whatever is asked, of however old a snapshot: nothing overlaps and nothing is lost [A7]', () => {
  const counted = { committed: 0, conflicts: 0, refused: 0, held: 0 };
  fc.assert(
    fc.property(
      fc.constantFrom(withPools, withoutPools),
      fc.array(step, { minLength: 10, maxLength: 45 }),
      (start, steps) => {
        const ledger = createLedger(start);
        const history: Snapshot[] = [start];
        const surprises: Decision[] = [];
        const index = freeIndexOf(start);
        for (const [at, s] of steps.entries()) {
          const snapshot = history.at(-1 - s.behind) ?? start;
          const outcome = decide(snapshot, s, at);
          if (isRefusal(outcome)) {
            counted.refused += 1;
            continue;
          }
          const changes = ledger.commit(outcome.decision);
          if (changes === undefined) {
            // A decision on the newest snapshot has nobody to collide with.
            if (snapshot === ledger.snapshot) surprises.push(outcome.decision);
            counted.conflicts += 1;
            continue;
          }
          counted.committed += 1;
          index.update(changes);
          history.push(ledger.snapshot);
          const now = ledger.snapshot;
          expect(disjoint([...now.allocations.values()].map(({ record }) => record.prefix))).toBe(true);
          expect(disjoint([...now.pools.values()].map(({ record }) => record.prefix))).toBe(true);
          let given = 0;
          for (const { record } of now.tunnels.values()) {
            given += record.prefixes.length;
            const standing = standingPrefixes(now, record).map(({ prefix }) => prefix);
            expect(standing).toEqual(record.prefixes.map(({ prefix }) => prefix).toSorted());
            expect(ownsKey(now, record)).toBe(true);
            counted.held += standing.length;
          }
          expect(now.peerkeys.size).toBe(now.tunnels.size);
          const inUse = [...now.allocations.values()].filter(({ record }) => record.quarantinedUntil === undefined);
          expect(inUse).toHaveLength(given);
        }
        expect(surprises).toEqual([]);
        const request = create(CreateTunnelRequestSchema, { publicKey: testKey(600) });
        const kept = createTunnel(ledger.snapshot, request, commandContext(ledger.snapshot, { freeIndex: index }));
        expect(kept).toEqual(createTunnel(ledger.snapshot, request, commandContext(ledger.snapshot)));
      },
    ),
    { numRuns: 150 },
  );
  // The law says something only where commands do meet.
  expect(counted.committed).toBeGreaterThan(200);
  expect(counted.conflicts).toBeGreaterThan(20);
  expect(counted.refused).toBeGreaterThan(100);
  expect(counted.held).toBeGreaterThan(200);
});
