// Same load: what a node's processor does for the same packets, with everything on and bare, by turns.
//
// Machines that share their processors with others are a quarter faster or slower within a minute, so that two searches for the most
// that a node carries differ by a tenth with nothing changed. Under a load that both carry easily the node's work is told as a
// multiple of its clients' instead: these do the same for each packet in either case, and are as fast or slow as the machine is.

import { realClock } from '#internal/clock/clock.ts';
import { onBare } from './bare.ts';
import { type CapacityScene, node } from './capacity-scene.ts';
import type { Load } from './load.ts';
import { nodeProcessor, othersProcessor } from './processors.ts';

const rounds = 4;
const ms = 8_000;
/** Longer than from one comparison to the next: a node that was bare makes tables and classes again, which is no part of its load. */
const restMs = 12_000;

/** Of each round: the node's work when it is bare, as a share of its work with everything on. */
export async function sameLoad(
  { lab, clients }: Pick<CapacityScene, 'lab' | 'clients'>,
  load: Omit<Load, 'ms'>,
  say: (line: string) => void,
): Promise<readonly number[]> {
  const work = async (): Promise<number> => {
    await clients.connect(load.tunnels);
    await realClock.sleep(restMs);
    const { busy } = await clients.load({ ...load, ms });
    return (busy[nodeProcessor] ?? Number.NaN) / (busy[othersProcessor] ?? Number.NaN);
  };
  const shares: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const full = await work();
    const bare = await onBare(lab, node, work);
    say(`    ${load.tunnels} tunnels: the node's work is ${full.toFixed(2)} of its clients', bare ${bare.toFixed(2)}`);
    shares.push(bare / full);
  }
  return shares;
}
