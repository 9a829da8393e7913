// Pool drain: empties a pool into another one.

import type { Command } from 'commander';
import type { DrainPoolResponse, Move } from '#internal/gen/pop44/v1/pools_pb.ts';
import { type ChangeOptions, change, changeOf, withChangeOptions } from './change.ts';
import { Unfinished } from './io.ts';
import { harmless } from './layout.ts';
import { poolRef } from './pool-show.ts';
import type { Session } from './session.ts';

interface DrainOptions extends ChangeOptions {
  readonly to: string;
  readonly move?: boolean;
}

// pools.proto, DrainPoolRequest.move: the most that one call moves.
const movesACall = 16;

export function drainVerb(pool: Command, session: Session): void {
  withChangeOptions(pool.command('drain').argument(...poolRef), 'existing')
    .description('freeze a pool and serve its requests from another one; --move empties it')
    .requiredOption('--to <pool>', 'takes over: of the same realm and family')
    .option('--move', 'move what is allocated too; addresses change, and files must be made anew')
    .action((of: string, options: DrainOptions) => drain(session, of, options));
}

async function drain(session: Session, of: string, options: DrainOptions): Promise<void> {
  const { pools } = await session.client();
  const moves = options.move === true;
  let tunnels = 0;
  const ask = async (call: number): Promise<DrainPoolResponse> => {
    const answer = await pools.drainPool({
      ...{ change: changeOfCall(options, call), pool: of, toPool: options.to },
      move: moves ? movesACall : 0,
    });
    tunnels += answer.moves.filter(({ tunnelId }) => tunnelId !== '').length;
    return answer;
  };
  let last: DrainPoolResponse | undefined;
  await change(session, options, {
    async send() {
      last = await ask(0);
      for (let call = 1; goesOn(last, options); call += 1) {
        await showMoves(session, last);
        last = await ask(call);
      }
      return last;
    },
    show: (answer) => showMoves(session, answer),
  });
  if (last === undefined || options.dryRun === true) return;
  if (tunnels > 0) {
    session.say('the files of moved tunnels must be made anew: pop44 tunnel file TUNNEL --key-file FILE');
  }
  conclude(session, of, options, last);
}

const goesOn = ({ moves, remaining }: DrainPoolResponse, { dryRun }: DrainOptions): boolean =>
  dryRun !== true && moves.length > 0 && remaining > 0n;

/** Each call is a request of its own; an etag is of the pool as it was before the first. */
function changeOfCall(options: DrainOptions, call: number): ReturnType<typeof changeOf> {
  if (call === 0) return changeOf(options);
  const { requestId } = options;
  return requestId === undefined ? {} : { requestId: `${requestId}.${call}` };
}

async function showMoves(session: Session, answer: DrainPoolResponse): Promise<void> {
  if (session.wantsData()) await session.data(answer);
  else for (const move of answer.moves) session.print(`${harmless(moveText(move))}\n`);
}

function moveText({ fromPrefix, toPrefix, tunnelId, owner }: Move): string {
  return `${fromPrefix} moved to ${toPrefix} (${tunnelId === '' ? 'held' : `tunnel ${tunnelId}`}, ${owner})`;
}

function conclude(session: Session, of: string, { to, move }: DrainOptions, last: DrainPoolResponse): void {
  const { remaining, obstacles } = last;
  session.say(`pool ${of} gives nothing more, ${to} takes its place`);
  for (const obstacle of obstacles) session.say(`  ${harmless(obstacle)}`);
  const left = `${remaining} ${remaining === 1n ? 'allocation remains' : 'allocations remain'} in ${of}`;
  if (remaining === 0n) session.say(`pool ${of} is empty`);
  else if (move === true) throw new Unfinished(left);
  else session.say(`${left} (--move moves them)`);
}
