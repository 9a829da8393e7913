// Bench: measures on the lab and says whether the goals hold. Run through `npm run bench`.

import { writeSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { run } from '#internal/exec/exec.ts';
import { allocate } from './allocate.ts';
import { capacity, capacityParts } from './capacity.ts';
import { dataplane, dataplaneParts } from './dataplane.ts';
import { failover, failoverParts } from './failover.ts';
import { flood } from './flood.ts';
import { people, peopleParts } from './people.ts';
import { provision } from './provision.ts';
import { reconcile, reconcileParts } from './reconcile.ts';
import { type Figures, holds, json, type Outcome, outcomeOf, table } from './report.ts';
import { watch } from './watch.ts';
import { web } from './web.ts';

export interface BenchOptions {
  readonly quick: boolean;
  readonly runs: number;
  /** Live tunnels of failover's `thousand` and `drain`; absent: 1,000. */
  readonly tunnels?: number;
  /** A part of a bench that has parts; absent: the whole. */
  readonly only?: string;
  /** Progress for people. */
  readonly say: (line: string) => void;
}

const benches: Readonly<Record<string, (options: BenchOptions) => Promise<Figures | Outcome>>> = {
  allocate,
  capacity,
  dataplane,
  failover,
  flood,
  people,
  provision,
  reconcile,
  watch,
  web,
};

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    quick: { type: 'boolean' },
    runs: { type: 'string' },
    tunnels: { type: 'string' },
    only: { type: 'string' },
  },
});
const [name] = positionals;
const bench = name === undefined ? undefined : benches[name];
const runs = Number(values.runs ?? '1');
const tunnels = values.tunnels === undefined ? undefined : Number(values.tunnels);
const isCount = (value: number, least: number): boolean => Number.isInteger(value) && value >= least;
const { only } = values;
const parts: Readonly<Record<string, readonly string[]>> = {
  capacity: capacityParts,
  dataplane: dataplaneParts,
  failover: failoverParts,
  people: peopleParts,
  reconcile: reconcileParts,
};
const known = only === undefined || (parts[name ?? '']?.includes(only) ?? false);
if (name === undefined || bench === undefined || !known || !isCount(runs, 1) || !isCount(tunnels ?? 1_000, 50)) {
  const usages = Object.entries(parts).map(
    ([of, names]) => `
  ${of} also --only ${names.join('|')}`,
  );
  process.stderr.write(
    `usage: npm run bench -- ${Object.keys(benches).join('|')} [--quick] [--runs N] [--json FILE]${usages.join('')}, and --tunnels N (50 at least)
`,
  );
  process.exit(2);
}
const commit = (
  await run({ file: 'git', args: ['-c', 'safe.directory=*', 'rev-parse', 'HEAD'], accept: [0, 128] })
).stdout.trim();
const outcome = outcomeOf(
  await bench({
    quick: values.quick ?? false,
    runs,
    ...(only !== undefined && { only }),
    ...(tunnels !== undefined && { tunnels }),
    say: (line) => process.stderr.write(`${line}\n`),
  }),
);
process.stdout.write(`${table(outcome.figures)}\n`);
try {
  writeSync(
    3,
    await json({ bench: name, commit, command: ['npm run bench --', ...process.argv.slice(2)].join(' ') }, outcome),
  );
} catch {
  // Nobody asked for the JSON.
}
process.exit(Object.values(outcome.figures).every(holds) ? 0 : 1);
