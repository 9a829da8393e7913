// Capacity: how many active tunnels one processor carries with everything on (firewall, accounting, metrics, shaping), beside
// bare WireGuard on the same interface in the same run; how many idle ones, and what a tunnel weighs.
//
// The node has a processor for itself, with etcd and both halves; what its clients and the internet cost is on the other. An
// echo is a packet each way: a tunnel at 64 kbit/s is a call in which both sides speak.

import { capacityCreate } from './capacity-create.ts';
import { capacityIdle } from './capacity-idle.ts';
import { capacityMemory } from './capacity-memory.ts';
import { capacityRates } from './capacity-rates.ts';
import { capacityTakeover } from './capacity-takeover.ts';
import type { BenchOptions } from './main.ts';
import { newerProgramsHere } from './newer-programs.ts';
import { type Curve, type Figures, type Outcome, outcomeOf } from './report.ts';

const parts: Readonly<Record<string, (options: BenchOptions) => Promise<Figures | Outcome>>> = {
  rates: capacityRates,
  create: capacityCreate,
  idle: capacityIdle,
  memory: capacityMemory,
  takeover: capacityTakeover,
};
export const capacityParts = [...Object.keys(parts), 'voice', 'megabit'];

export async function capacity(options: BenchOptions): Promise<Outcome> {
  const { only, say } = options;
  say(await newerProgramsHere());
  const figures: Record<string, Figures[string]> = {};
  const curves: Curve[] = [];
  for (const [name, part] of Object.entries(parts)) {
    const isWanted = only === undefined || only === name || (name === 'rates' && !(only in parts));
    if (!isWanted) continue;
    const outcome = outcomeOf(await part(options));
    Object.assign(figures, outcome.figures);
    curves.push(...outcome.curves);
  }
  return { figures, curves };
}
