// Flood: 20,000 forged handshake initiations a second at one node, from one source and from a /16, with the node's gate
// and without it, in one run.

import { type FloodScene, raiseFloodScene, type Sources } from '#internal/testkit/flood.ts';
import type { BenchOptions } from './main.ts';
import { newerProgramsHere } from './newer-programs.ts';
import { type Figures, figure, median } from './report.ts';

const perSecond = 20_000;

interface Measured {
  readonly rate: number[];
  readonly lost: number[];
  readonly known: number[];
  readonly unknown: number[];
}

async function under(scene: FloodScene, sources: Sources, runs: number, into: Measured): Promise<void> {
  const flooded = await scene.flood(perSecond, sources, async () => {
    for (let at = 0; at < runs; at += 1) {
      into.known.push(await scene.handshake('client'));
      await scene.forget('cafe');
      into.unknown.push(await scene.handshake('cafe'));
    }
  });
  into.rate.push(flooded.perSecond);
  into.lost.push(flooded.lost);
}

const measured = (): Measured => ({ rate: [], lost: [], known: [], unknown: [] });
const rounded = (samples: readonly number[]): string => samples.map((sample) => sample.toFixed(0)).join(' ');

export async function flood({ quick, say }: BenchOptions): Promise<Figures> {
  say(await newerProgramsHere());
  const runs = quick ? 2 : 5;
  const scene = await raiseFloodScene('/tmp/bench');
  const [ours, stock] = [measured(), measured()];
  try {
    const calm = [await scene.handshake('client'), await scene.handshake('cafe')];
    say(`without a flood: ${rounded(calm)} ms`);
    for (const sources of ['one source', 'a /16'] as const) {
      await under(scene, sources, runs, ours);
      say(`${sources}, with the gate: known ${rounded(ours.known)} ms, unknown ${rounded(ours.unknown)} ms`);
      await scene.stock(() => under(scene, sources, Math.min(runs, 3), stock));
      say(`${sources}, without: ${rounded([...stock.known, ...stock.unknown])} ms`);
    }
  } finally {
    await scene.stop();
  }
  const worst = (samples: readonly number[]): number => Math.max(...samples);
  return {
    flood_per_second: figure(median([...ours.rate, ...stock.rate]), '1/s', '', [...ours.rate, ...stock.rate]),
    session_lost_packets: figure(worst(ours.lost), 'packets', '<= 0', ours.lost),
    known_handshake_worst_ms: figure(worst(ours.known), 'ms', '<= 1000', ours.known),
    unknown_handshake_worst_ms: figure(worst(ours.unknown), 'ms', '<= 10000', ours.unknown),
    stock_handshake_median_ms: figure(median([...stock.known, ...stock.unknown]), 'ms', '', [
      ...stock.known,
      ...stock.unknown,
    ]),
    stock_lost_packets: figure(worst(stock.lost), 'packets', '', stock.lost),
  };
}
