// Doctor: asks every daemon how it is, and says what is wrong and what helps.

import type { Command } from 'commander';
import type { Client } from '#internal/client/client.ts';
import { Fault, messageOf } from '#internal/errors/errors.ts';
import { diagnose, type Finding } from './diagnosis.ts';
import { Unfinished } from './io.ts';
import type { Column } from './layout.ts';
import { allPages } from './pages.ts';
import type { Session } from './session.ts';

const columns: readonly Column<Finding>[] = [
  ['', ({ level }) => level],
  ['check', ({ check }) => check],
  ['what', ({ cause }) => cause],
  ['cure', ({ cure }) => cure],
];

export function doctorVerb(doctor: Command, session: Session): void {
  doctor.action(async () => {
    const findings = diagnose(await factsOf(session));
    if (session.options.output === 'jsonl') for (const finding of findings) await session.dataOf(finding);
    else if (session.wantsData()) await session.dataOf(findings);
    else await session.rows(findings, columns);
    const failed = findings.filter(({ level }) => level === 'FAIL').length;
    if (failed > 0) throw new Unfinished(`${failed} ${failed === 1 ? 'thing has' : 'things have'} failed`);
  });
}

async function factsOf(session: Session) {
  const client = await session.client();
  const [status, mesh, { interconnects }, { groups }, { pools }, mails] = await Promise.all([
    client.status.getStatus({}),
    client.status.getMesh({}),
    client.fabric.listInterconnects({}),
    client.fabric.listAnycastGroups({}),
    client.pools.listPools({}),
    mailsOf(client),
  ]);
  const ids = mesh.nodes.map(({ state }) => state?.node?.id ?? '');
  const problems = await Promise.all(ids.map((id) => problemOf(client, id)));
  const tunnels = await allPages(session, async (page) => {
    const answer = await client.tunnels.listTunnels(page);
    return { ...answer, items: answer.tunnels };
  });
  return {
    nowMs: session.io.clock.wall().getTime(),
    ...{ status, mesh, interconnects, groups, pools, mails },
    reached: new Map(ids.map((id, at) => [id, problems[at]])),
    largestTunnelMtu: tunnels.reduce((most, { mtu }) => Math.max(most, mtu), 0),
  };
}

/** Undefined: they are for others to see, or no daemon of a CORE answers, which the other checks tell. */
async function mailsOf(client: Client) {
  try {
    return (await client.people.listMails({})).mails;
  } catch (thrown) {
    if (thrown instanceof Fault || (thrown instanceof Error && thrown.name === 'Refused')) return undefined;
    throw thrown;
  }
}

/** Why a daemon does not answer us; undefined: it does. */
async function problemOf(client: Client, node: string) {
  try {
    await client.at(node).status.getStatus({});
    return undefined;
  } catch (thrown) {
    if (!(thrown instanceof Fault)) throw thrown;
    return { code: thrown.code, message: messageOf(thrown) };
  }
}
