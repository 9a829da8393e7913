import { describe, expect, test } from 'vitest';
import type { Snapshot } from '#internal/model/model.ts';
import type { Prefix } from '#internal/netip/netip.ts';
import { allocateIn, releaseIn, withNetwork, withQuota } from '#internal/testkit/allocation-requests.ts';
import { decisionOf } from '#internal/testkit/fabric-requests.ts';
import { createLedger } from '#internal/testkit/ledger.ts';
import { createIn, deleteIn, with3 } from '#internal/testkit/tunnel-requests.ts';
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
