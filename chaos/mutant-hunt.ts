// Mutant hunt: a short scenario once for each mutant; one that the judge does not find survives.

import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type InvariantName, sentences, type Verdict } from './check/invariant.ts';
import { runOnLab } from './lab-run.ts';
import { type Mutant, type MutantName, mutants } from './mutants.ts';
import { type RunOptions, runScenario } from './run.ts';
import { scenarios, split } from './scenario.ts';

export interface Caught {
  readonly mutant: string;
  /** What it broke, of the invariants that it was to break. */
  readonly broken: readonly Verdict[];
}

type HuntOptions = Pick<RunOptions, 'clock' | 'directory' | 'seed' | 'etcd' | 'means' | 'say'> & {
  /** Default: all. */
  readonly only?: readonly MutantName[];
};

/** The kernel takes the interfaces of a namespace away some time after it has gone, and the next cluster has the same names. */
const goneMs = 2_000;

export async function huntMutants(options: HuntOptions): Promise<readonly Caught[]> {
  const { directory, say, only = Object.keys(mutants) as readonly MutantName[], ...common } = options;
  const caught: Caught[] = [];
  for (const name of only) {
    const mutant: Mutant = mutants[name];
    const { kinds, lab, parts, traffic, ...rest } = mutant.options;
    const { left } = split(kinds, common.means);
    if (left.length > 0) {
      say(`${name}: not hunted; ${left.join(', ')}`);
      continue;
    }
    say(`${name}: ${mutant.why}`);
    const place = join(directory, name);
    const run: RunOptions = {
      ...common,
      name: `mutant ${name}`,
      scenario: { ...scenarios.allocate, faults: kinds, ...(parts && { traffic: parts }) },
      ...(traffic && { allocating: traffic }),
      ...rest,
      directory: place,
      seconds: mutant.seconds,
      patches: [mutant],
      say: () => {},
    };
    const { report } = await (lab === undefined ? runScenario(run) : runOnLab({ ...run, kinds: lab }));
    await rm(place, { recursive: true, force: true });
    await common.clock.sleep(goneMs);
    const wanted: ReadonlySet<string> = new Set(mutant.breaks);
    const broken = report.invariants.filter((each) => each.violations > 0 && wanted.has(each.name));
    const others = report.invariants.filter(
      (each) => each.violations > 0 && !wanted.has(each.name) && isInvariant(each),
    );
    const words = broken.map((each) => `${each.name} ${each.violations} times: ${each.evidence[0]}`);
    say(broken.length > 0 ? `  caught: ${words.join('\n          ')}` : '  SURVIVED');
    for (const each of others) say(`  also: ${each.name} ${each.violations} times: ${each.evidence[0]}`);
    caught.push({ mutant: name, broken });
  }
  return caught;
}

const isInvariant = ({ name }: Verdict): boolean => (name as InvariantName) in sentences;

/** What was hunted, as an invariant of a report: violations are those that survived. */
export function huntVerdict(caught: readonly Caught[]): Verdict {
  const survivors = caught.filter(({ broken }) => broken.length === 0).map(({ mutant }) => `${mutant} survived`);
  return { name: 'mutants', checks: caught.length, violations: survivors.length, evidence: survivors };
}
