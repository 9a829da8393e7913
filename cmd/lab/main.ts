// npm start: a lab to play with, until Ctrl-C; with --check it proves itself and goes.

import { parseArgs } from 'node:util';
import { livingLabs } from '#internal/client/client.ts';
import { realClock } from '#internal/clock/clock.ts';
import { messageOf } from '#internal/errors/errors.ts';
import { banner, type CheckResult, checkLab, preflight, type Step, startLab } from '#internal/testkit/lab/lab.ts';
import { newerPrograms, whyNoTools } from '#internal/testkit/tools.ts';

const usage = `usage: npm start -- [--name NAME] [--bare] [--check]
  --name NAME  what the lab is called; default: the first free of lab1, lab2, ...
  --bare       the network around pop44 alone: no etcd, no pop44d
  --check      raise it, do the main job, remove it; the last line of standard output is JSON
`;

const say = (line: string): void => {
  process.stderr.write(`${line}\n`);
};
const sayStep = (tell: (line: string) => void) => (step: Step) =>
  tell(`  ${String(step.ms).padStart(6)} ms  ${step.name}`);

function parsed() {
  try {
    const options = { name: { type: 'string' }, bare: { type: 'boolean' }, check: { type: 'boolean' } } as const;
    return parseArgs({ options: { ...options, help: { type: 'boolean', short: 'h' } } }).values;
  } catch (thrown) {
    say(`${messageOf(thrown)}\n\n${usage}`);
    process.exit(2);
  }
}

const { name, bare = false, check = false, help = false } = parsed();
if (help) {
  process.stdout.write(usage);
  process.exit(0);
}

const ending = new AbortController();
// The first signal ends the lab in order; a second finds it already ending.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => ending.abort());

const programs = newerPrograms();
const start = { environment: process.env, bare, programs, ...(name === undefined ? {} : { name }) };
const programsInUse =
  programs.size > 0
    ? `${[...programs.keys()].join(' and ')}: as npm run tools has built them`
    : `etcd and wireguard-go: those of the system; ${whyNoTools()}`;

async function stay(): Promise<number> {
  const lab = await startLab({ ...start, web: !bare, signal: ending.signal, onStep: sayStep(say), onWord: say });
  const labs = livingLabs(process.env, process.getuid?.() ?? 0);
  process.stdout.write(banner(lab.context, { onlyOne: labs.length <= 1, programs: programsInUse }));
  await lab.ended;
  if (!ending.signal.aborted) say(`${lab.context.lab} ended by itself`);
  return ending.signal.aborted ? 0 : 1;
}

async function prove(): Promise<number> {
  const tell = (line: string): void => {
    process.stdout.write(`${line}\n`);
  };
  const result = await checkLab({ start, clock: realClock, signal: ending.signal, onStep: sayStep(tell), onWord: say });
  tell(JSON.stringify(result));
  return result.ok ? 0 : 1;
}

try {
  const problems = await preflight();
  for (const problem of problems) say(problem);
  if (problems.length === 0) process.exitCode = await (check ? prove() : stay());
  else {
    if (check) process.stdout.write(`${JSON.stringify({ ok: false, steps: [], seconds: 0 } satisfies CheckResult)}\n`);
    process.exitCode = 1;
  }
} catch (thrown) {
  if (!ending.signal.aborted) say(messageOf(thrown));
  process.exitCode = ending.signal.aborted ? 0 : 1;
}
process.exit();
