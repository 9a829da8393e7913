// Check: raises a lab, does the main job, removes everything, and tells how long each step took.

import type { Clock } from '#internal/clock/clock.ts';
import { messageOf } from '#internal/errors/errors.ts';
import { run } from '#internal/exec/exec.ts';
import { pace } from '../pace.ts';
import { programFile } from '../programs.ts';
import { logTails } from './logs.ts';
import { mainJob } from './main-job.ts';
import { startLab } from './start.ts';
import type { StartedLab, StartOptions } from './start.ts';
import type { Step } from './world.ts';

/** The last line of standard output of `npm start -- --check` (DESIGN.md, section 12). */
export interface CheckResult {
  readonly ok: boolean;
  readonly steps: readonly Step[];
  readonly seconds: number;
}

export interface CheckOptions {
  readonly start: Omit<StartOptions, 'onStep' | 'onWord'>;
  readonly clock: Clock;
  /** Aborted: the lab is removed and the check fails. */
  readonly signal: AbortSignal;
  readonly onStep: (step: Step) => void;
  readonly onWord: (line: string) => void;
}

const commandLine = programFile('pop44');

const cliOf =
  (lab: StartedLab, environment: NodeJS.ProcessEnv) =>
  async (args: readonly string[]): Promise<string> => {
    const runtime = environment['XDG_RUNTIME_DIR'];
    const env = { POP44_LAB: lab.context.lab, ...(runtime === undefined ? {} : { XDG_RUNTIME_DIR: runtime }) };
    return (await run({ file: process.execPath, args: [commandLine, ...args], env, timeoutMs: 30_000 * pace })).stdout;
  };

export async function checkLab(options: CheckOptions): Promise<CheckResult> {
  const { clock, onWord, signal } = options;
  const began = clock.monotonicMs();
  const steps: Step[] = [];
  const tell = (step: Step): void => {
    steps.push(step);
    options.onStep(step);
  };
  const timed = async (name: string, work: () => Promise<unknown>): Promise<void> => {
    const at = clock.monotonicMs();
    try {
      await work();
    } catch (thrown) {
      throw new Error(`${name}: ${messageOf(thrown)}`, { cause: thrown });
    }
    tell({ name, ms: Math.round(clock.monotonicMs() - at) });
  };

  let ok = false;
  let lab: StartedLab | undefined;
  try {
    lab = await startLab({ ...options.start, signal, onStep: tell, onWord });
    for (const { name, run: work } of mainJob({ lab, cli: cliOf(lab, options.start.environment) })) {
      signal.throwIfAborted();
      await timed(name, work);
    }
    ok = true;
  } catch (thrown) {
    if (lab !== undefined) for (const line of await logTails(lab.directory, 5)) onWord(line);
    onWord(messageOf(thrown));
  }
  if (lab !== undefined) await timed('remove everything', lab.stop);
  return { ok, steps, seconds: Number(((clock.monotonicMs() - began) / 1000).toFixed(1)) };
}
