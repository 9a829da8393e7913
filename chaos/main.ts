// Chaos: a scenario under faults, judged afterwards by its history. Run through `npm run chaos`.

import { writeSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { realClock } from '#internal/clock/clock.ts';
import { messageOf } from '#internal/errors/errors.ts';
import { toolPath, whyNoTools } from '#internal/testkit/tools.ts';
import { runAllocate } from './allocate.ts';
import { eventLines } from './event-log.ts';
import { historyLines } from './history.ts';
import { huntMutants, huntVerdict } from './mutant-hunt.ts';
import { type MutantName, mutants } from './mutants.ts';
import { holds, reportJson, summary } from './report.ts';
import { reportHtml } from './report-html.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seconds: { type: 'string', default: '60' },
    seed: { type: 'string', default: '1' },
    etcd: { type: 'string' },
    only: { type: 'string' },
  },
});
const [scenario] = positionals;
const say = (line: string): void => void process.stderr.write(`${line}\n`);

/** Files leave the sandbox through a pipe, an object a line. */
function hand(file: string, text: string): void {
  const bytes = Buffer.from(`${JSON.stringify({ file, text })}\n`);
  for (let at = 0; at < bytes.length; ) at += writeSync(3, bytes, at);
}

const etcd = values.etcd === '3.6' ? toolPath('etcd') : undefined;
const toxiproxy = toolPath('toxiproxy-server');
if (toxiproxy === undefined) say(`no faults by toxiproxy: ${whyNoTools()}`);
const common = {
  ...{ clock: realClock, directory: '/tmp/chaos', seed: Number(values.seed), say },
  ...(etcd && { etcd }),
  ...(toxiproxy && { toxiproxy }),
};

async function allocate(): Promise<boolean> {
  const { report, testimony, history, logs } = await runAllocate({ ...common, seconds: Number(values.seconds) });
  process.stdout.write(`${summary(report)}\n`);
  hand('report.json', reportJson(report));
  hand('report.html', reportHtml(report));
  hand('history.ndjson', historyLines(history));
  hand('events.ndjson', eventLines(testimony.log));
  for (const [name, text] of logs) hand(`${name}.log`, text);
  return holds(report);
}

async function hunt(): Promise<boolean> {
  const only = values.only?.split(',') as readonly MutantName[] | undefined;
  const unknown = (only ?? []).filter((name) => !(name in mutants));
  if (unknown.length > 0)
    throw new RangeError(`no mutant ${unknown.join(', ')}; there are ${Object.keys(mutants).join(', ')}`);
  const verdict = huntVerdict(await huntMutants({ ...common, ...(only && { only }) }));
  const ok = verdict.violations === 0;
  process.stdout.write(`${verdict.checks - verdict.violations} of ${verdict.checks} mutants caught\n`);
  const operations = { ok: 0, refused: 0, unknown: 0 };
  const told = { scenario: 'mutants', seed: common.seed, faults: [], operations, invariants: [verdict], ok };
  hand('report.json', `${JSON.stringify(told, undefined, 2)}\n`);
  return ok;
}

try {
  process.exit((await (scenario === 'mutants' ? hunt() : allocate())) ? 0 : 1);
} catch (thrown) {
  say(`chaos: ${messageOf(thrown)}`);
  process.exit(1);
}
