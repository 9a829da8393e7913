// Pool resize: grow and shrink. Both are one request; which of them was meant is checked here.

import type { Command } from 'commander';
import { type ChangeOptions, change, changeOf, withChangeOptions } from './change.ts';
import { UsageError } from './io.ts';
import { poolColumns, poolRef } from './pool-show.ts';
import type { Session } from './session.ts';

const directions = [
  {
    verb: 'grow',
    description: 'make a pool larger; it keeps its id and all that is allocated',
    prefix: 'contains the present one: 44.31.0.0/21',
    fits: (growth: number) => growth > 0,
    other: 'pool shrink makes a pool smaller',
  },
  {
    verb: 'shrink',
    description: 'make a pool smaller; refused while anything stands in what it would lose',
    prefix: 'lies in the present one: 44.31.0.0/23',
    fits: (growth: number) => growth < 0,
    other: 'pool grow makes a pool larger',
  },
] as const;
type Direction = (typeof directions)[number];

// Of what is no prefix, or of the other family, the daemon says so better.
const familyOf = (prefix: string): 4 | 6 => (prefix.includes(':') ? 6 : 4);

function lengthOf(prefix: string): number | undefined {
  const digits = /\/([0-9]{1,3})$/.exec(prefix)?.[1];
  return digits === undefined ? undefined : Number(digits);
}

function checkDirection({ fits, other }: Direction, before: string, after: string): void {
  const [lengthBefore, lengthAfter] = [before, after].map(lengthOf);
  if (lengthBefore === undefined || lengthAfter === undefined || familyOf(before) !== familyOf(after)) return;
  if (fits(lengthBefore - lengthAfter)) return;
  const growth = lengthBefore - lengthAfter;
  const compared = growth === 0 ? 'as large as' : growth > 0 ? 'larger than' : 'smaller than';
  throw new UsageError(`${after} is ${compared} the pool, which is ${before}${growth === 0 ? '' : ` (${other})`}`);
}

/** Empty: the pool is not called so, which a repeat of what gave it another prefix may well do. */
async function prefixNow(session: Session, of: string, { requestId }: ChangeOptions): Promise<string> {
  const { pools } = await session.client();
  try {
    return (await pools.getPool({ pool: of })).pool?.prefix ?? '';
  } catch (thrown) {
    if (requestId === undefined) throw thrown;
    return '';
  }
}

/** The daemon knows whether it is one. */
const mayBeRepeat = (before: string, after: string, { requestId }: ChangeOptions): boolean =>
  requestId !== undefined && (before === '' || before === after);

export function growAndShrinkVerbs(pool: Command, session: Session): void {
  for (const direction of directions) {
    const command = pool
      .command(direction.verb)
      .argument(...poolRef)
      .argument('<prefix>', direction.prefix);
    withChangeOptions(command, 'existing')
      .description(direction.description)
      .action(async (of: string, prefix: string, options: ChangeOptions) => {
        const { pools } = await session.client();
        const before = await prefixNow(session, of, options);
        if (!mayBeRepeat(before, prefix, options)) checkDirection(direction, before, prefix);
        await change(session, options, {
          send: () => pools.resizePool({ change: changeOf(options), pool: of, prefix }),
          show: (answer) => session.record(answer, answer.pool, poolColumns),
        });
      });
  }
}
