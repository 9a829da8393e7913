// Reconcile: whether a node's work follows what concerns it and not what there is: what one change costs where 100,000 tunnels
// are registered and 10,000 of them placed on the node, beside 1,000; its start, its rest, and what its processor does.

import type { BenchOptions } from './main.ts';
import { newerProgramsHere } from './newer-programs.ts';
import { rssBytes, halves } from './process.ts';
import { changeCost, type ChangeCost, warmUp } from './reconcile-change.ts';
import { profileFlags, profiles } from './reconcile-profile.ts';
import { changeKinds, fillUpTo, node, raiseReconcile, type ReconcileScene } from './reconcile-scene.ts';
import { steady, type Steady } from './reconcile-steady.ts';
import { starts } from './reconcile-start.ts';
import { type Figures, figure, median } from './report.ts';

export const reconcileParts = ['change', 'start', 'steady', 'profile'] as const;
type Part = (typeof reconcileParts)[number];

/** Tunnels: those that changes are compared with, those placed on the node, those registered. */
const whole = { few: 1_000, placed: 10_000, registered: 100_000 };
const quicker = { few: 100, placed: 1_000, registered: 10_000 };

function changeFigures(few: ChangeCost, many: ChangeCost, of: typeof whole): Figures {
  const cpu = ({ daemonMs, dataplaneMs }: ChangeCost): number => daemonMs + dataplaneMs;
  /** Of one change of each kind. */
  const applied = ({ appliedMs }: ChangeCost): number =>
    changeKinds.reduce((sum, kind) => sum + median(appliedMs[kind]), 0);
  const goal = of === whole ? '<= 1.5' : '';
  const figures: Record<string, Figures[string]> = {
    change_cpu_ratio: figure(cpu(many) / cpu(few), 'ratio', goal),
    change_applied_ratio: figure(applied(many) / applied(few), 'ratio', goal),
    change_daemon_cpu_ms: figure(many.daemonMs, 'ms', ''),
    change_daemon_cpu_ms_at_few: figure(few.daemonMs, 'ms', ''),
    change_dataplane_cpu_ms: figure(many.dataplaneMs, 'ms', ''),
    change_dataplane_cpu_ms_at_few: figure(few.dataplaneMs, 'ms', ''),
  };
  for (const kind of changeKinds) {
    const [ofMany, ofFew] = [many.appliedMs[kind], few.appliedMs[kind]];
    figures[`${kind}_applied_p50_ms`] = figure(median(ofMany), 'ms', '', ofMany);
    figures[`${kind}_applied_p50_ms_at_few`] = figure(median(ofFew), 'ms', '', ofFew);
  }
  return figures;
}

const steadyFigures = ({ daemonPercent, dataplanePercent }: Steady): Figures => ({
  steady_cpu_percent: figure(daemonPercent + dataplanePercent, '% of a core', '<= 5'),
  steady_daemon_cpu_percent: figure(daemonPercent, '% of a core', ''),
  steady_dataplane_cpu_percent: figure(dataplanePercent, '% of a core', ''),
});

async function weights({ lab }: ReconcileScene): Promise<Figures> {
  const { daemon, dataplane } = halves(lab, node);
  return {
    daemon_rss_mb: figure((await rssBytes(daemon)) / 1e6, 'MB', ''),
    dataplane_rss_mb: figure((await rssBytes(dataplane)) / 1e6, 'MB', ''),
  };
}

export async function reconcile({ quick, only, say }: BenchOptions): Promise<Figures> {
  const of = quick ? quicker : whole;
  // The whole takes ten minutes; a profile, which has no figures, is made when it is asked for.
  const wants = (part: Part): boolean => only === part || (only === undefined && part !== 'profile');
  say(await newerProgramsHere());
  await using scene = await raiseReconcile(wants('profile') ? profileFlags : [], say);
  const figures: Record<string, Figures[string]> = {};
  let few: ChangeCost | undefined;
  if (wants('change')) {
    await fillUpTo(scene, { here: of.few, elsewhere: 0 }, say);
    await warmUp(scene, { quick, say });
    few = await changeCost(scene, await steady(scene, { quick, say }), { quick, say });
  }
  await fillUpTo(scene, { here: of.placed, elsewhere: 0 }, say);
  if (wants('profile')) await profiles(scene, { quick, say });
  await fillUpTo(scene, { here: of.placed, elsewhere: of.registered - of.placed }, say);
  if (wants('profile')) await profiles(scene, { quick, say });
  const rest = wants('steady') || wants('change') ? await steady(scene, { quick, say }) : undefined;
  if (rest !== undefined && wants('steady')) Object.assign(figures, steadyFigures(rest), await weights(scene));
  if (rest !== undefined && few !== undefined)
    Object.assign(figures, changeFigures(few, await changeCost(scene, rest, { quick, say }), of));
  if (wants('start')) Object.assign(figures, await starts(scene, say));
  return {
    ...figures,
    registered_per_second: figure(median(scene.rates), '1/s', '', scene.rates),
    tunnels_registered: figure(of.registered, 'tunnels', ''),
    tunnels_placed: figure(of.placed, 'tunnels', ''),
    tunnels_few: figure(of.few, 'tunnels', ''),
  };
}
