// Mutant hunt: the allocate scenario once for each mutant; one that the judge does not find survives.

import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type AllocateOptions, runAllocate } from './allocate.ts';
import { type InvariantName, sentences, type Verdict } from './check/invariant.ts';
import { faultTable } from './fault.ts';
import { type Mutant, type MutantName, mutants } from './mutants.ts';

export interface Caught {
  readonly mutant: string;
  /** What it broke, of the invariants that it was to break. */
  readonly broken: readonly Verdict[];
}

type HuntOptions = Pick<AllocateOptions, 'clock' | 'directory' | 'seed' | 'etcd' | 'toxiproxy' | 'say'> & {
  /** Default: all. */
  readonly only?: readonly MutantName[];
};

export async function huntMutants(options: HuntOptions): Promise<readonly Caught[]> {
  const { directory, say, only = Object.keys(mutants) as readonly MutantName[], ...common } = options;
  const caught: Caught[] = [];
  for (const name of only) {
    const mutant: Mutant = mutants[name];
    if (common.toxiproxy === undefined && mutant.options.kinds?.some((kind) => faultTable[kind].reach === 'path')) {
      say(`${name}: not hunted, it takes toxiproxy to provoke it`);
      continue;
    }
    say(`${name}: ${mutant.why}`);
    const place = join(directory, name);
    const { report } = await runAllocate({
      ...common,
      ...mutant.options,
      directory: place,
      seconds: mutant.seconds,
      patches: [mutant],
      say: () => {},
    });
    await rm(place, { recursive: true, force: true });
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
