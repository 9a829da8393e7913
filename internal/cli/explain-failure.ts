// Explain failure: what the death of a node would cost its tunnels.

import type { Client } from '#internal/client/client.ts';
import { Fault } from '#internal/errors/errors.ts';
import type { ExplainFailureResponse, TunnelOutage } from '#internal/gen/pop44/v1/explain_pb.ts';
import { type Column, harmless } from './layout.ts';
import type { Session } from './session.ts';

const msText = (ms: number | bigint | undefined): string => (ms === undefined ? '' : `${ms} ms`);

const columns: readonly Column<TunnelOutage>[] = [
  ['tunnel', ({ name }) => name],
  ['way', ({ way }) => way],
  ['expected', ({ expectedMs }) => msText(expectedMs)],
  ['at the latest', ({ latestMs }) => msText(latestMs)],
  ['rtt', ({ rttMs }) => msText(rttMs)],
  ['handshake', ({ handshakeAgeMs: age }) => (age === undefined ? '' : `${(Number(age) / 1_000).toFixed(0)} s ago`)],
  ['why', ({ reason }) => reason],
];

/** The node and its sibling know where clients are; one that does not answer may be the one that has died. */
async function asked(session: Session, client: Client, node: string): Promise<ExplainFailureResponse> {
  const first = await client.explain.explainFailure({ node });
  if (session.options.node !== undefined || first.whereaboutsKnown) return first;
  for (const other of [node, first.siblingId].filter((id) => id !== '')) {
    try {
      const answer = await client.at(other).explain.explainFailure({ node });
      if (answer.whereaboutsKnown) return answer;
    } catch (thrown) {
      if (!(thrown instanceof Fault)) throw thrown;
    }
  }
  return first;
}

export async function askFailure(session: Session, node: string): Promise<void> {
  const answer = await asked(session, await session.client(), node);
  if (session.wantsData()) await session.data(answer);
  else {
    session.print(`${harmless(answer.reason)}\n`);
    if (!answer.whereaboutsKnown && answer.siblingId !== '')
      session.print(`where clients are is not known: neither ${node} nor ${answer.siblingId} says\n`);
    await session.section(answer.tunnels, columns);
    if (answer.leftOff > 0) session.print(`and ${answer.leftOff} more\n`);
  }
  session.aged(answer.freshness);
}
