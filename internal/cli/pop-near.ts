// PoP near: how far the places are from who asks, and the one for a tunnel whose place nobody has said.

import type { Command } from 'commander';
import { Fault, messageOf } from '#internal/errors/errors.ts';
import type { NearPop, NearPopsResponse } from '#internal/gen/pop44/v1/reach_pb.ts';
import { msText } from '#internal/reach/reach.ts';
import { Refused } from '#internal/rpc/rpc.ts';
import { type Column, harmless } from './layout.ts';
import type { Session } from './session.ts';

const columns: readonly Column<NearPop>[] = [
  ['pop', ({ popId }) => popId],
  ['distance', ({ rttMs, problem }) => (rttMs === undefined ? `not measured: ${problem}` : msText(rttMs))],
  ['by', ({ measuredBy }) => measuredBy],
  ['description', ({ description }) => description],
];

export function nearVerb(pop: Command, session: Session): void {
  pop
    .command('near')
    .description('show the places that carry tunnels, the nearest to you first')
    .action(async () => {
      const answer = await (await session.client()).reach.nearPops({});
      await session.listed(answer, answer.pops, columns);
      if (!session.wantsData()) session.say(proposal(answer));
      session.aged(answer.freshness);
    });
}

/** `place: north (12 ms, the nearest of 3)` */
function proposal({ proposedPopId, proposedBy, pops, address }: NearPopsResponse): string {
  if (proposedPopId === '') return 'no place carries tunnels';
  const measured = pops.filter(({ rttMs }) => rttMs !== undefined).length;
  const [first] = pops;
  const by =
    proposedBy === 'nearest' && first?.rttMs !== undefined
      ? `${msText(first.rttMs)}, the nearest of ${measured} measured from ${address}`
      : `distance not measured: ${first?.problem ?? ''}; of the others none has much less to do`;
  return harmless(`place: ${proposedPopId} (${by})`);
}

/** For a tunnel without a place, and says so. Empty: the daemon's own, as it would be without asking. */
export async function proposedPlace(session: Session): Promise<string> {
  try {
    const answer = await (await session.client()).reach.nearPops({});
    if (answer.proposedPopId !== '') session.say(proposal(answer));
    return answer.proposedPopId;
  } catch (thrown) {
    // A daemon of an earlier version, or one that was asked too often: no reason to create nothing.
    if (!(thrown instanceof Fault || thrown instanceof Refused)) throw thrown;
    session.say(harmless(`place: the daemon's own (distance not measured: ${messageOf(thrown)})`));
    return '';
  }
}
