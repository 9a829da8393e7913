// Pool check: looks for what should not be, twice, and mends it when told.

import type { Command } from 'commander';
import type { Finding } from '#internal/gen/pop44/v1/pools_pb.ts';
import { duration } from './duration.ts';
import { Unfinished } from './io.ts';
import { type Column, yesNo } from './layout.ts';
import type { Session } from './session.ts';

interface CheckOptions {
  readonly mend?: boolean;
  /** Seconds. */
  readonly grace?: number;
}

const columns: readonly Column<Finding>[] = [
  ['kind', (finding) => finding.kind],
  ['record', (finding) => finding.record],
  ['problem', (finding) => finding.problem],
  ['cure', (finding) => finding.cure],
  ['mended', (finding) => yesNo(finding.mended)],
];

const usualGraceSeconds = 5;
// Beside the grace: both scans of a million records and the transactions that mend.
const scanSeconds = 60;

export function checkVerb(pool: Command, session: Session): void {
  pool
    .command('check')
    .argument('[pool]', 'id or prefix; default: all pools')
    .description('look twice for leaks, duplicates, orphans and overlap; exit 1 when any is left')
    .option('--mend', 'mend what both scans found')
    .option('--grace <duration>', 'between the two scans, 1s to 60s; default: 5s', duration)
    .action(async (of: string | undefined, { mend = false, grace = usualGraceSeconds }: CheckOptions) => {
      const { pools } = await session.client();
      const deadlineMs = (grace + scanSeconds) * 1_000;
      const answer = await pools.checkPools({ pool: of ?? '', mend, graceSeconds: grace }, { deadlineMs });
      const { findings, records, freshness } = answer;
      if (session.wantsData()) await session.data(answer);
      else await session.list(findings, columns);
      session.aged(freshness);
      const left = findings.filter(({ mended }) => !mended).length;
      if (left > 0) throw new Unfinished(leftText(left, mend));
      session.say(findings.length === 0 ? `nothing is wrong in ${records} records` : 'all of it is mended');
    });
}

function leftText(left: number, mend: boolean): string {
  const found = `${left} ${left === 1 ? 'finding is' : 'findings are'} not mended`;
  return mend ? found : `${found} (--mend carries out the cures)`;
}
