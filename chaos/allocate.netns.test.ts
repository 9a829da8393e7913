import { rm } from 'node:fs/promises';
import { afterAll, expect, test } from 'vitest';
import { realClock } from '#internal/clock/clock.ts';
import { toolPath, whyNoTools } from '#internal/testkit/tools.ts';
import { faketimePath, whyNoFaketime } from './fault-clock.ts';
import { runScenario } from './run.ts';
import { scenarios } from './scenario.ts';

const directory = '/tmp/chaos';
const runSeconds = 20;
/** To raise three nodes, and to resolve what is unknown in the end. */
const timeoutMs = 150_000;

afterAll(() => rm(directory, { recursive: true, force: true }));

test(
  'whatever fails, no address is given twice and no acknowledged allocation is lost [A1] [A2] [A6] [A7] [N12]',
  async () => {
    // A change is judged by the same plan as the one before it; whoever works on it meets another plan each time.
    const usual = process.env['CI'] === undefined ? 1 + Math.floor(Math.random() * 1_000_000) : 1;
    const seed = Number(process.env['POP44_CHAOS_SEED'] ?? usual);
    const [toxiproxy, faketime] = [toolPath('toxiproxy-server'), faketimePath()];
    const again = `npm run chaos -- allocate --seconds ${runSeconds} --seed ${seed} --report DIR`;
    process.stderr.write(`chaos: seed ${seed}${toxiproxy === undefined ? `, no toxics: ${whyNoTools()}` : ''}\n`);
    const { report } = await runScenario({
      ...{ clock: realClock, directory, seconds: runSeconds, seed, say: () => {} },
      ...{ name: 'allocate', scenario: scenarios.allocate },
      means: {
        ...{ noToxiproxy: whyNoTools(), noFaketime: whyNoFaketime },
        ...(toxiproxy && { toxiproxy }),
        ...(faketime && { faketime }),
      },
    });
    const broken = report.invariants.filter(({ violations }) => violations > 0);
    expect(broken, again).toEqual([]);
  },
  timeoutMs,
);
