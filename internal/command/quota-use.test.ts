import { create } from '@bufbuild/protobuf';
import { describe, expect, test } from 'vitest';
import { SetQuotaRequestSchema } from '#internal/gen/pop44/v1/pools_pb.ts';
import type { Snapshot } from '#internal/model/model.ts';
import type { Prefix } from '#internal/netip/netip.ts';
import { allocateIn, releaseIn, withNetwork, withQuota } from '#internal/testkit/allocation-requests.ts';
import { commandContext } from '#internal/testkit/command-context.ts';
import { decisionOf } from '#internal/testkit/fabric-requests.ts';
import { createLedger } from '#internal/testkit/ledger.ts';
import { testKey } from '#internal/testkit/three-pops.ts';
import { createIn, deleteIn, with3 } from '#internal/testkit/tunnel-requests.ts';
import { setQuota } from './command.ts';
import { useOf } from './quota-use.ts';

const ada = 'admin/ada';
const used = (snapshot: Snapshot, owner = ada) => {
  const record = snapshot.quotas.get(owner)?.record;
  return record && [record.used4, record.used6];
};
const after = (snapshot: Snapshot, ...outcomes: readonly ((now: Snapshot) => unknown)[]): Snapshot => {
  const ledger = createLedger(snapshot);
  for (const outcome of outcomes) expect(ledger.commit(decisionOf(outcome(ledger.snapshot)))).toBeDefined();
  return ledger.snapshot;
};

test.each([
  ['an address', '44.31.0.7/32', [1n, 0n]],
  ['a /29', '44.31.0.8/29', [8n, 0n]],
  ['a /64', '2001:db8:44:7::/64', [0n, 1n]],
  ['a /56', '2001:db8:44:100::/56', [0n, 256n]],
  ['a longer IPv6 prefix', '2001:db8:44:7::9/128', [0n, 1n]],
])('%s counts', (_, prefix, [used4, used6]) => {
  expect(useOf([prefix as Prefix])).toEqual({ used4, used6 });
});

describe('an owner with a quota', () => {
  const limited = withQuota(with3, ada, { limit4: 4n, limit6: 2n });

  test('is counted by whatever it takes and gives back, quarantine aside', () => {
    const taken = after(
      limited,
      (now) => allocateIn(now),
      (now) => createIn(now),
    );
    expect(used(taken)).toEqual([2n, 2n]);
    const released = after(taken, (now) => releaseIn(now, ['44.31.0.4/32']));
    expect(used(released)).toEqual([1n, 2n]);
    expect(used(after(released, (now) => deleteIn(now, { tunnel: '000000000001' })))).toEqual([0n, 1n]);
    // Its own address back out of quarantine counts again.
    expect(used(after(released, (now) => allocateIn(now, { wishes: [{ prefix: '44.31.0.4/32' }] })))).toEqual([2n, 2n]);
  });

  test('is not counted twice for what a tunnel of it takes into use', () => {
    const wishes = [{ prefix: '44.31.0.4/32' }];
    expect(
      used(
        after(
          limited,
          (now) => allocateIn(now),
          (now) => createIn(now, { wishes }),
        ),
      ),
    ).toEqual([1n, 1n]);
  });

  test.each([
    ['addresses', { wishes: [{ family: 4, count: 5 }] }, 'may hold 4 IPv4 addresses, holds 0 and asks for 5 more'],
    ['a block', { wishes: [{ family: 4, length: 29 }] }, 'may hold 4 IPv4 addresses, holds 0 and asks for 8 more'],
    [
      'networks',
      { wishes: [{ family: 6, length: 56 }] },
      'may hold 2 IPv6 networks of /64, holds 0 and asks for 256 more',
    ],
  ])('is refused more %s, and told how many', (_, request, told) => {
    expect(allocateIn(limited, request)).toMatchObject({
      refused: 'quota-exceeded',
      message: `owner: "admin/ada" ${told} (release some, or ask for a larger quota)`,
    });
  });

  test('is refused a tunnel that would exceed it', () => {
    const full = withQuota(with3, ada, { limit4: 1n, used4: 1n });
    expect(createIn(full)).toMatchObject({ refused: 'quota-exceeded', field: 'tunnel.owner', value: ada });
  });

  test('and two requests at once that pass it only together: one commits [A6]', () => {
    const ledger = createLedger(withQuota(with3, ada, { limit4: 1n }));
    const [one, other] = ['44.31.0.9/32', '44.31.0.10/32'].map((prefix) =>
      decisionOf(allocateIn(ledger.snapshot, { wishes: [{ prefix }] })),
    );
    expect(one && ledger.commit(one)).toBeDefined();
    expect(other && ledger.commit(other)).toBeUndefined();
  });

  test('that was lowered below its use gives back, and takes what is not limited', () => {
    const lowered = after(
      limited,
      (now) => allocateIn(now, { wishes: [{ family: 4, count: 4 }] }),
      (now) => {
        const { quotas } = withQuota(now, ada, { limit4: 2n, used4: 4n });
        const stored = quotas.get(ada);
        return {
          decision: {
            compares: [],
            writes: stored ? [{ op: 'put', kind: 'quota', id: ada, record: stored.record }] : [],
          },
        };
      },
    );
    expect(used(after(lowered, (now) => releaseIn(now, ['44.31.0.4/32'])))).toEqual([3n, 0n]);
    expect(used(after(lowered, (now) => allocateIn(now, { wishes: [{ family: 6 }] })))).toEqual([4n, 1n]);
    expect(allocateIn(lowered, { wishes: [{ family: 4 }] })).toMatchObject({ refused: 'quota-exceeded' });
  });

  test('is not counted for what others take', () => {
    expect(used(after(limited, (now) => allocateIn(now, { owner: 'club' })))).toEqual([0n, 0n]);
  });
});

describe("the network's default", () => {
  const byDefault = withNetwork(with3, { defaultLimit4: 2n });

  test('makes a record with the first change, and counts what was held before', () => {
    const now = after(byDefault, (snapshot) => allocateIn(snapshot, { owner: 'admin/test', wishes: [{ family: 6 }] }));
    expect(used(now, 'admin/test')).toEqual([3n, 4n]);
    const freed = after(byDefault, (snapshot) => deleteIn(snapshot));
    expect(used(freed, 'admin/test')).toEqual([2n, 2n]);
  });

  test('refuses what passes it', () => {
    expect(allocateIn(byDefault, { wishes: [{ family: 4, count: 3 }] })).toMatchObject({ refused: 'quota-exceeded' });
    const more = withQuota(byDefault, ada, { limit4: 3n });
    expect(allocateIn(more, { wishes: [{ family: 4, count: 3 }] })).not.toHaveProperty('refused');
  });

  test('set meanwhile, or two first changes at once: one commits [A6]', () => {
    const unlimited = decisionOf(allocateIn(with3));
    expect(createLedger(byDefault).commit(unlimited)).toBeUndefined();
    const ledger = createLedger(byDefault);
    const [one, other] = ['44.31.0.9/32', '44.31.0.10/32'].map((prefix) =>
      decisionOf(allocateIn(byDefault, { wishes: [{ prefix }] })),
    );
    expect(one && ledger.commit(one)).toBeDefined();
    expect(other && ledger.commit(other)).toBeUndefined();
  });

  test('is no reason to count where there is none', () => {
    expect(after(with3, (now) => allocateIn(now)).quotas.size).toBe(0);
  });
});

describe('a limit of tunnels', () => {
  const exceeded = (limit: bigint, has: number) => ({
    refused: 'quota-exceeded',
    message: `tunnel.owner: "admin/ada" may have ${limit} tunnels and has ${has} (delete one, or ask for a larger quota)`,
  });

  /** Tunnel number n, with an address of its own: two of them meet nowhere but in the quota. */
  const tunnel = (now: Snapshot, n: number, rest: object = {}) =>
    createIn(
      now,
      { name: `t${n}`, publicKey: testKey(900 + n), wishes: [{ prefix: `44.31.0.${4 + n}/32` }], ...rest },
      { newId: () => String(n).padStart(12, '0') },
    );

  test('holds for every owner by default, and for one by its own quota [T1]', () => {
    const byDefault = withNetwork(with3, { defaultLimitTunnels: 2n });
    const two = after(
      byDefault,
      (now) => tunnel(now, 1),
      (now) => tunnel(now, 2),
    );
    expect(tunnel(two, 3)).toMatchObject(exceeded(2n, 2));
    // Another's are its own.
    expect(decisionOf(tunnel(two, 3, { owner: 'club' }))).toBeDefined();
    const more = withQuota(two, ada, { limitTunnels: 3n });
    expect(decisionOf(tunnel(more, 3))).toBeDefined();
    expect(tunnel(withQuota(two, ada, { limitTunnels: 0n }), 3)).toMatchObject(exceeded(0n, 2));
    // One that goes makes room.
    const one = after(two, (now) => deleteIn(now, { tunnel: 'admin/ada/t1' }));
    expect(decisionOf(tunnel(one, 3))).toBeDefined();
  });

  test('holds one who holds his addresses already', () => {
    const wishes = [{ prefix: '44.31.0.4/32' }];
    const held = after(withQuota(with3, ada, { limitTunnels: 0n }), (now) => allocateIn(now, { wishes }));
    expect(createIn(held, { wishes })).toMatchObject(exceeded(0n, 0));
  });

  test('lets one of two pass that are decided on the same snapshot [A7]', () => {
    for (const limited of [
      withNetwork(with3, { defaultLimitTunnels: 1n }),
      withQuota(with3, ada, { limitTunnels: 1n }),
      withQuota(withNetwork(with3, { defaultLimitTunnels: 1n }), ada, {}),
    ]) {
      const ledger = createLedger(limited);
      const both = [1, 2].map((n) => decisionOf(tunnel(limited, n)));
      expect(both.map((decision) => ledger.commit(decision) !== undefined)).toEqual([true, false]);
      expect(tunnel(ledger.snapshot, 2)).toMatchObject(exceeded(1n, 1));
    }
  });

  test('is what one of two fails by: without it both pass', () => {
    const ledger = createLedger(with3);
    const both = [1, 2].map((n) => decisionOf(tunnel(with3, n)));
    expect(both.map((decision) => ledger.commit(decision) !== undefined)).toEqual([true, true]);
  });

  test('is seen by what was decided before it was set [A7]', () => {
    const ledger = createLedger(with3);
    const early = decisionOf(createIn(with3));
    const set = setQuota(with3, create(SetQuotaRequestSchema, { limitTunnels: 0n }), commandContext(with3));
    expect(ledger.commit(decisionOf(set))).toBeDefined();
    expect(ledger.commit(early)).toBeUndefined();
  });
});
