// Capacity: how many active tunnels one processor carries, with everything on, beside bare WireGuard on the same veths.

import { openTunnels, raiseCapacity } from './capacity-scene.ts';
import type { BenchOptions } from './main.ts';
import { newerProgramsHere } from './newer-programs.ts';
import { type Figures, figure } from './report.ts';
import { used } from './processors.ts';

export async function capacity({ say }: BenchOptions): Promise<Figures> {
  say(await newerProgramsHere());
  const t0 = performance.now();
  const t = () => ((performance.now() - t0) / 1000).toFixed(1);
  await using scene = await raiseCapacity(say);
  say(`${t()} raised`);
  await using clients = await openTunnels(scene, 1000);
  say(`${t()} tunnels`);
  say(JSON.stringify(await clients.connect(1000)));
  say(`${t()} connected`);
  for (const tunnels of [50, 100, 200, 300, 400, 500, 600, 800]) {
    const before = await used();
    const b = performance.now();
    const loaded = await clients.load({ tunnels, packetsPerSecond: 50, bytes: 200, ms: 4000 });
    const took = performance.now() - b;
    const after = await used();
    const cpu = after.map((u, i) => `${(u.busy - (before[i]?.busy ?? 0)).toFixed(2)}/${(u.soft - (before[i]?.soft ?? 0)).toFixed(2)}/${(u.stolen - (before[i]?.stolen ?? 0)).toFixed(2)}`);
    say(`${t()} ${tunnels} ${JSON.stringify(loaded)} took ${took.toFixed(0)} cpu ${cpu.join(' ')}`);
  }
  return { x: figure(1, '', '') };
}
