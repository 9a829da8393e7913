// Short form: a scenario as a test runs it, for a minute.

import { realClock } from '#internal/clock/clock.ts';
import { toolPath, whyNoTools } from '#internal/testkit/tools.ts';
import { faketimePath, whyNoFaketime } from './fault-clock.ts';
import { goalSentence } from './goals.ts';
import { runScenario } from './run.ts';
import { scenarios } from './scenario.ts';

export const shortFormDirectory = '/tmp/chaos';
const seconds = 60;
/** It takes 90 s; on a loaded machine nodes are waited for, elections and answers, each by itself. */
export const shortFormTimeoutMs = 240_000;

/** What was broken, and the command that does the same again. */
export async function shortForm(name: keyof typeof scenarios) {
  // A change is judged by the same plan as the one before it; whoever works on it meets another plan each time.
  const usual = process.env['CI'] === undefined ? 1 + Math.floor(Math.random() * 1_000_000) : 1;
  const seed = Number(process.env['POP44_CHAOS_SEED'] ?? usual);
  const [toxiproxy, faketime] = [toolPath('toxiproxy-server'), faketimePath()];
  process.stderr.write(`chaos: seed ${seed}${toxiproxy === undefined ? `, no toxics: ${whyNoTools()}` : ''}\n`);
  const { report } = await runScenario({
    ...{ clock: realClock, directory: shortFormDirectory, seconds, seed, say: () => {} },
    ...{ name, scenario: scenarios[name] },
    means: {
      ...{ noToxiproxy: whyNoTools(), noFaketime: whyNoFaketime },
      ...(toxiproxy && { toxiproxy }),
      ...(faketime && { faketime }),
    },
  });
  return {
    // Laws alone: how soon it was over is told, and judged by the command, where nothing else runs.
    broken: report.invariants.filter(({ name, violations }) => violations > 0 && goalSentence(name) === undefined),
    again: `npm run chaos -- ${name} --seconds ${seconds} --seed ${seed} --report DIR`,
  };
}
