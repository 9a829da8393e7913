// Write figures: docs/figures.md and its pictures, out of the JSON files of a directory. Arguments: that directory, and docs.

import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { messageOf } from '#internal/errors/errors.ts';
import { page } from './figures-page.ts';
import { plot } from './plot.ts';
import type { Told } from './report.ts';

const [from = '', docs = ''] = process.argv.slice(2);

function fail(message: string): never {
  process.stderr.write(`bench: ${message}\n`);
  process.exit(1);
}

function parsed(file: string, text: string): Told {
  try {
    const { bench, command, figures, curves, machine } = JSON.parse(text) as Partial<Told>;
    if (bench === undefined || command === undefined || figures === undefined || machine === undefined)
      throw new Error('it lacks bench, command, figures or machine');
    return { ...(JSON.parse(text) as Told), curves: curves ?? [] };
  } catch (thrown) {
    return fail(`${file} is not what a bench writes (${messageOf(thrown)}); measure again with --json ${file}`);
  }
}

const names = (await readdir(from).catch(() => [])).filter((name) => name.endsWith('.json')).sort();
if (names.length === 0) fail(`${from} has no JSON of a bench; npm run bench -- NAME leaves one there`);
const pictures = join(docs, 'figures');
await mkdir(pictures, { recursive: true });
const runs: [Told, string][] = [];
for (const name of names) {
  const told = parsed(join(from, name), await readFile(join(from, name), 'utf8'));
  const picture = `${basename(name, '.json')}.svg`;
  await writeFile(join(pictures, picture), plot(told.command.replace('npm run bench -- ', ''), told));
  runs.push([told, `figures/${picture}`]);
}
const file = join(docs, 'figures.md');
await writeFile(file, page(runs, await readFile(file, 'utf8').catch(() => '')));
process.stdout.write(`${file}: ${runs.length} runs; what others have measured stays\n`);
