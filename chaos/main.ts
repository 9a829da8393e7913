// Chaos: a scenario under faults, judged afterwards by its history. Run through `npm run chaos`.

import { writeSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { realClock } from '#internal/clock/clock.ts';
import { runAllocate } from './allocate.ts';
import { eventLines } from './event-log.ts';
import { historyLines } from './history.ts';
import { holds, reportJson, summary } from './report.ts';
import { reportHtml } from './report-html.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { seconds: { type: 'string' }, seed: { type: 'string' }, etcd: { type: 'string' } },
});
const [scenario] = positionals;
const say = (line: string): void => void process.stderr.write(`${line}\n`);
const tools = process.env['POP44_TOOLS'] ?? '';

/** Files leave the sandbox through a pipe, an object a line. */
function hand(file: string, text: string): void {
  const bytes = Buffer.from(`${JSON.stringify({ file, text })}\n`);
  for (let at = 0; at < bytes.length; ) at += writeSync(3, bytes, at);
}

if (scenario !== 'allocate') throw new Error(`no scenario ${scenario}`);
const { report, testimony, history, logs } = await runAllocate({
  clock: realClock,
  directory: '/tmp/chaos',
  seconds: Number(values.seconds ?? '60'),
  seed: Number(values.seed ?? '1'),
  ...(values.etcd === '3.6' && { etcd: `${tools}/etcd` }),
  ...(tools !== '' && { toxiproxy: `${tools}/toxiproxy-server` }),
  say,
});
process.stdout.write(`${summary(report)}\n`);
hand('report.json', reportJson(report));
hand('report.html', reportHtml(report));
hand('history.ndjson', historyLines(history));
hand('events.ndjson', eventLines(testimony.log));
for (const [name, text] of logs) hand(`${name}.log`, text);
process.exit(holds(report) ? 0 : 1);
