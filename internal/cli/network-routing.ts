// Network routing: by what trusted nodes tell each other their routes, and how one protocol follows the other: both stand for a
// while, and what carried ends once every node has all sessions of both (adr/0047).

import { Argument, type Command } from 'commander';
import type { Client } from '#internal/client/client.ts';
import { FabricRouting } from '#internal/gen/pop44/store/v1/records_pb.ts';
import type { NodeState } from '#internal/gen/pop44/v1/fabric_pb.ts';
import { NotApplied } from './io.ts';
import { seconds } from './parse.ts';
import type { Session } from './session.ts';

const routings = { ebgp: FabricRouting.EBGP, beside: FabricRouting.BESIDE, ospf: FabricRouting.OSPF } as const;
type Word = keyof typeof routings;
const wordOf = (routing: FabricRouting): string =>
  Object.entries(routings).find(([, number]) => number === routing)?.[0] ?? String(routing);

/** An adjacency takes 7 s, as OSPF tells what is new of a node each 5 s at most (RFC 2328 B, MinLSInterval). */
const usualSeconds = 60;
const pollMs = 500;

interface Options {
  readonly wait: number;
  readonly force?: boolean;
}

const isRefused = (thrown: unknown): thrown is Error => thrown instanceof Error && thrown.name === 'Refused';

/** Until every node holds it. @throws when one has not in time */
async function step({ fabric, status }: Client, routing: FabricRouting, force: boolean, untilMs: number) {
  const { changed } = await fabric.setFabricRouting({ routing, force });
  const deadlineMs = Math.max(1, untilMs);
  for await (const { pendingNodeIds } of status.waitApplied({ revision: changed?.revision ?? 0n }, { deadlineMs }))
    if (pendingNodeIds.length === 0) return;
}

export function routingVerb(network: Command, session: Session): void {
  const { clock } = session.io;

  /** While both stand: until the daemon sees no session missing. @throws NotApplied when the time is over */
  async function follow(client: Client, word: Word, deadlineMs: number): Promise<void> {
    for (;;) {
      const leftMs = deadlineMs - clock.monotonicMs();
      try {
        return await step(client, routings[word], false, leftMs);
      } catch (thrown) {
        if (!isRefused(thrown)) throw thrown;
        if (leftMs <= 0)
          throw new NotApplied(`both routings stand, and ${thrown.message}; pop44 network routing ${word} goes on`);
        await clock.sleep(pollMs);
      }
    }
  }

  network
    .command('routing')
    .addArgument(
      new Argument('[routing]', 'ebgp, ospf, or beside: both, of which eBGP carries').choices(Object.keys(routings)),
    )
    .description('by what nodes of COREs and REGIONALs tell each other their routes; without a word, what it is')
    .option('--wait <seconds>', 'that a change may take', seconds, usualSeconds)
    .option('--force', 'at once, also where sessions that carry end before others stand')
    .action(async (word: Word | undefined, { wait, force = false }: Options) => {
      const client = await session.client();
      const answer = await client.fabric.listNodes({});
      const from = answer.fabricRouting;
      if (word === undefined) {
        await session.record(answer, answer, [
          ['routing', ({ fabricRouting }) => wordOf(fabricRouting)],
          [
            'change',
            ({ nodes }) =>
              nodes
                .map(changeText)
                .filter((text) => text !== '')
                .join('; '),
          ],
        ]);
        return;
      }
      const deadlineMs = clock.monotonicMs() + wait * 1_000;
      const leftMs = (): number => deadlineMs - clock.monotonicMs();
      if (force || word === 'beside' || from === routings[word]) await step(client, routings[word], force, leftMs());
      else {
        if (from !== routings.beside) await step(client, routings.beside, false, leftMs());
        await follow(client, word, deadlineMs);
      }
      session.say(`routing is ${word}`);
    });
}

const changeText = ({ node, routingChange }: NodeState): string =>
  routingChange === '' ? '' : `${node?.id ?? ''} ${routingChange}`;
