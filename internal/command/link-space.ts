// Link space: the addresses of the two ends of an interconnect.

import { type Refusal, refuse } from '#internal/errors/errors.ts';
import type { Snapshot } from '#internal/model/model.ts';
import {
  familyOf,
  firstAddress,
  firstNumber,
  isUnicast,
  type Prefix,
  prefixFrom,
  prefixLength,
  subprefixCount,
  supernet,
} from '#internal/netip/netip.ts';
import { prefixField } from './fields.ts';
import { fabricSpace, type Held, insidePool, spokenSpace, taken } from './space.ts';

const linkSpace = (snapshot: Snapshot): readonly Held[] => [...fabricSpace(snapshot), ...spokenSpace(snapshot)];

// RFC 3021 and RFC 6164: two addresses are all that a link has. Private space that no realm uses.
const spaces = {
  4: { within: '172.30.0.0/16' as Prefix, length: 31 },
  6: { within: 'fd44:0:0:1::/64' as Prefix, length: 127 },
} as const;

/** The given link when nobody has it, or the lowest free one when none is given. */
export function linkField(snapshot: Snapshot, field: string, value: string, family: 4 | 6): Prefix | Refusal {
  if (value === '') return lowestFree(snapshot, field, family);
  const link = prefixField(field, value);
  if (typeof link !== 'string') return link;
  const { length } = spaces[family];
  if (familyOf(link) !== family || prefixLength(link) !== length) {
    return refuse('invalid', {
      field,
      value,
      problem: `is no IPv${family} /${length}`,
      cure: 'two addresses, one an end',
    });
  }
  if (!isUnicast(firstAddress(link))) {
    return refuse('invalid', { field, value, problem: 'holds no addresses of machines', cure: 'leave it empty' });
  }
  return insidePool(snapshot, field, link, value) ?? taken(linkSpace(snapshot), field, link, value) ?? link;
}

function lowestFree(snapshot: Snapshot, field: string, family: 4 | 6): Prefix | Refusal {
  const { within, length } = spaces[family];
  const used = new Set<Prefix>();
  for (const { prefix } of linkSpace(snapshot)) {
    if (familyOf(prefix) === family && prefixLength(prefix) >= length) used.add(supernet(prefix, length));
  }
  const count = subprefixCount(within, length);
  for (let n = 0n; n < count; n += 1n) {
    const link = prefixFrom(family, firstNumber(within) + 2n * n, length);
    if (!used.has(link)) return link;
  }
  return refuse('pool-exhausted', {
    field,
    value: within,
    problem: 'has no free link left',
    cure: 'name one yourself',
  });
}
