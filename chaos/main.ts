// Chaos: a scenario under faults, judged afterwards by what was recorded. Run through `npm run chaos`.

import { writeSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { realClock } from '#internal/clock/clock.ts';
import { messageOf } from '#internal/errors/errors.ts';
import { toolPath, whyNoTools } from '#internal/testkit/tools.ts';
import { chunks } from './chunks.ts';
import { eventLines } from './event-log.ts';
import type { Means } from './fault.ts';
import { faketimePath, whyNoFaketime } from './fault-clock.ts';
import { historyLines } from './history.ts';
import { runOnLab } from './lab-run.ts';
import { huntMutants, huntVerdict } from './mutant-hunt.ts';
import { type MutantName, mutants } from './mutants.ts';
import { reportOf } from './recorded.ts';
import { holds, type Report, reportJson, summary } from './report.ts';
import { reportHtml } from './report-html.ts';
import { runScenario } from './run.ts';
import { readSaved, savedParts } from './saved.ts';
import { listing, scenarioNamed } from './scenario.ts';

const savedFile = 'recorded.ndjson.gz';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seconds: { type: 'string', default: '60' },
    seed: { type: 'string', default: '1' },
    etcd: { type: 'string' },
    only: { type: 'string' },
    traffic: { type: 'string' },
    faults: { type: 'string' },
    shape: { type: 'string' },
    list: { type: 'boolean' },
  },
});
const [scenario = 'mixed', place = ''] = positionals;
const say = (line: string): void => void process.stderr.write(`${line}\n`);

/** Files leave the sandbox through a pipe, an object a line; parts of one follow each other. */
function hand(file: string, part: string | Buffer): void {
  const content = typeof part === 'string' ? { text: part } : { base64: part.toString('base64') };
  const bytes = Buffer.from(`${JSON.stringify({ file, ...content })}\n`);
  for (let at = 0; at < bytes.length; ) at += writeSync(3, bytes, at);
}

function handReport(report: Report): boolean {
  process.stdout.write(`${summary(report)}\n`);
  hand('report.json', reportJson(report));
  hand('report.html', reportHtml(report));
  return holds(report);
}

function common() {
  const etcd = values.etcd === '3.6' ? toolPath('etcd') : undefined;
  const [toxiproxy, faketime] = [toolPath('toxiproxy-server'), faketimePath()];
  const means: Means = {
    ...{ noToxiproxy: whyNoTools(), noFaketime: whyNoFaketime },
    ...(toxiproxy && { toxiproxy }),
    ...(faketime && { faketime }),
  };
  return { clock: realClock, directory: '/tmp/chaos', seed: Number(values.seed), say, means, ...(etcd && { etcd }) };
}

async function carryOut(): Promise<boolean> {
  const { traffic, faults, shape } = values;
  const changes = { ...(traffic && { traffic }), ...(faults && { faults }), ...(shape && { shape }) };
  const wanted = scenarioNamed(scenario, changes);
  const options = { ...common(), name: scenario, scenario: wanted, seconds: Number(values.seconds) };
  const { report, recorded, logs } =
    wanted.lab === undefined ? await runScenario(options) : await runOnLab({ ...options, kinds: wanted.lab });
  const ok = handReport(report);
  for (const part of chunks(historyLines(recorded.history))) hand('history.ndjson', part);
  for (const part of chunks(eventLines(recorded.log))) hand('events.ndjson', part);
  for (const part of savedParts(recorded)) hand(savedFile, part);
  for (const [name, text] of logs) hand(`${name}.log`, text);
  return ok;
}

async function hunt(): Promise<boolean> {
  const only = values.only?.split(',') as readonly MutantName[] | undefined;
  const unknown = (only ?? []).filter((name) => !(name in mutants));
  if (unknown.length > 0)
    throw new RangeError(`no mutant ${unknown.join(', ')}; there are ${Object.keys(mutants).join(', ')}`);
  const verdict = huntVerdict(await huntMutants({ ...common(), ...(only && { only }) }));
  const ok = verdict.violations === 0;
  process.stdout.write(`${verdict.checks - verdict.violations} of ${verdict.checks} mutants caught\n`);
  const operations = { ok: 0, refused: 0, unknown: 0 };
  const told = { scenario: 'mutants', seed: Number(values.seed), faults: [], operations, invariants: [verdict], ok };
  hand('report.json', `${JSON.stringify(told, undefined, 2)}\n`);
  return ok;
}

async function main(): Promise<boolean> {
  if (values.list === true) {
    process.stdout.write(listing());
    return true;
  }
  if (scenario === 'judge') return handReport(reportOf(await readSaved(join(place, savedFile))));
  return scenario === 'mutants' ? hunt() : carryOut();
}

try {
  process.exit((await main()) ? 0 : 1);
} catch (thrown) {
  say(`chaos: ${messageOf(thrown)}`);
  process.exit(thrown instanceof RangeError ? 2 : 1);
}
