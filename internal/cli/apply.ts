// Apply: makes a network as documents say, after it has shown what that means.

import type { Message } from '@bufbuild/protobuf';
import type { Command } from 'commander';
import type { Client } from '#internal/client/client.ts';
import { refuse } from '#internal/errors/errors.ts';
import { readFileSync } from 'node:fs';
import { type Wanted, wantedOf } from './apply-documents.ts';
import type { Answer, AppliedChange } from './apply-resource.ts';
import { dryRunText } from './dry-run.ts';
import { Declined, UsageError } from './io.ts';
import { jsonOf } from './json.ts';
import { harmless } from './layout.ts';
import { seconds } from './parse.ts';
import type { Session } from './session.ts';
import { waitUntilApplied } from './wait-applied.ts';

interface ApplyOptions {
  readonly file: string;
  readonly yes?: boolean;
  readonly dryRun?: boolean;
  readonly wait?: number;
}

interface Difference {
  readonly wanted: Wanted;
  readonly found: Message | undefined;
  /** `mtu: 1420 -> 1380`. */
  readonly fields: readonly (readonly [name: string, before: string | undefined, after: string])[];
}

export function applyVerb(apply: Command, session: Session): void {
  apply
    .requiredOption(
      '-f, --file <file>',
      'YAML or JSON documents, each with resource: pop, pool, tunnel, ...; - is standard input',
    )
    .option('--yes', 'do not ask')
    .option('--dry-run', 'show the differences, the record changes and what nodes would do; change nothing')
    .option('--wait <seconds>', 'wait until it is applied (bare: 30 s); exit 4 when it is not', seconds)
    .action((options: ApplyOptions) => run(session, options));
}

async function run(session: Session, options: ApplyOptions): Promise<void> {
  const wanted = wantedOf(textOf(options.file), options.file === '-' ? 'standard input' : options.file);
  const differences = await differencesOf(session, wanted);
  await show(session, differences);
  const due = differences.filter(({ found, fields }) => found === undefined || fields.length > 0);
  if (due.length === 0) return session.say('nothing is to be done');
  if (options.dryRun === true) return session.wantsData() ? undefined : await tryOut(session, due);
  if (options.yes !== true) {
    const answer =
      options.file === '-' ? undefined : await session.io.askWhoIsThere(`${due.length} to be made so. Go on? [y/N] `);
    if (answer === undefined) throw new UsageError('nobody is there to be asked: give --yes');
    if (!/^y(es)?$/i.test(answer.trim())) return session.say('nothing was done');
  }
  await carryOut(session, due, options.wait);
}

function textOf(file: string): string {
  try {
    return readFileSync(file === '-' ? 0 : file, 'utf8');
  } catch (thrown) {
    throw new UsageError(
      `${file} cannot be read${thrown instanceof Error && 'code' in thrown ? ` (${String(thrown.code)})` : ''}`,
    );
  }
}

/** Throws Declined when a document asks for what cannot be: nothing is changed then. */
async function differencesOf(session: Session, wanted: readonly Wanted[]): Promise<readonly Difference[]> {
  const there = new Map<string, readonly Message[]>();
  for (const { name, resource } of wanted) if (!there.has(name)) there.set(name, await resource.there(session));
  return wanted.map((each) => {
    const alike = (there.get(each.name) ?? []).filter((item) => each.resource.isSame(each.item, item));
    if (alike.length > 1)
      throw declined(each, { field: 'owner', value: '', problem: 'names more than one', cure: 'say whose it is' });
    return difference(each, alike[0]);
  });
}

function difference(wanted: Wanted, found: Message | undefined): Difference {
  const { item, given, resource } = wanted;
  const after = jsonOf(item) as Readonly<Record<string, unknown>>;
  const before = found === undefined ? {} : (jsonOf(found) as Readonly<Record<string, unknown>>);
  const may = new Set(found === undefined ? resource.forNew : resource.forOld);
  const fields: [string, string | undefined, string][] = [];
  for (const name of given) {
    const [was, is] = [before[name], after[name]].map((value) => JSON.stringify(value));
    if (found !== undefined && (was === is || resource.loose?.includes(name) === true)) continue;
    if (!may.has(name)) {
      const cure = may.size === 0 ? 'delete it and apply again' : `what can be: ${[...may].join(', ')}`;
      const problem = found === undefined ? 'is not given to a new one' : `cannot be changed from ${was}`;
      throw declined(wanted, { field: name, value: is ?? '', problem, cure });
    }
    fields.push([name, was, is ?? '']);
  }
  return { wanted, found, fields };
}

const declined = (
  { title }: Wanted,
  {
    field,
    ...about
  }: { readonly field: string; readonly value: string; readonly problem: string; readonly cure: string },
): Declined => new Declined(refuse('invalid', { field: `${title}: ${field}`, ...about }));

async function show(session: Session, differences: readonly Difference[]): Promise<void> {
  if (session.wantsData()) {
    for (const { wanted, found, fields } of differences) {
      const what = found === undefined ? 'create' : fields.length > 0 ? 'update' : 'keep';
      await session.dataOf({
        what,
        resource: wanted.title,
        fields: Object.fromEntries(
          fields.map(([name, from, to]) => [name, { ...(from !== undefined && { from }), to }]),
        ),
      });
    }
    return;
  }
  for (const { wanted, found, fields } of differences) {
    const sign = found === undefined ? '+' : fields.length > 0 ? '~' : '=';
    session.print(`${sign} ${harmless(wanted.title)}\n`);
    for (const [name, was, is] of fields)
      session.print(`    ${harmless(`${name}: ${found === undefined ? '' : `${was ?? 'none'} -> `}${is}`)}\n`);
  }
}

/**
 * What the daemon would make of each, alone: what stands on another one of them, which is not there yet, can only be refused,
 * and that is told of it.
 */
async function tryOut(session: Session, due: readonly Difference[]): Promise<void> {
  const client = await session.client();
  for (const each of due) {
    session.print(`\n${harmless(each.wanted.title)}:\n`);
    try {
      const { changed } = await carriedOut(client, each, { dryRun: true });
      if (changed !== undefined) session.print(dryRunText(changed));
    } catch (thrown) {
      if (!(thrown instanceof Error) || thrown.name !== 'Refused') throw thrown;
      session.print(`refused as things are: ${harmless(thrown.message)}\n`);
    }
  }
}

function carriedOut(client: Client, { wanted, found, fields }: Difference, change: AppliedChange): Promise<Answer> {
  const { resource, item } = wanted;
  if (found === undefined) return resource.create(client, item, wanted.given, change);
  // What has no field that can be changed is never due.
  if (resource.update === undefined) throw new TypeError(`${wanted.title} cannot be changed`);
  return resource.update(client, item, { given: new Set(fields.map(([name]) => name)), found }, change);
}

/** One after another; what is refused ends it, and what was done before stays and is said. */
async function carryOut(session: Session, due: readonly Difference[], wait: number | undefined): Promise<void> {
  const client = await session.client();
  let [done, revision] = [0, 0n];
  try {
    for (const each of due) {
      const { changed } = await carriedOut(client, each, {});
      revision = changed?.revision ?? revision;
      done += 1;
    }
  } finally {
    session.say(`${done} of ${due.length} done`);
  }
  if (wait !== undefined && revision > 0n) await waitUntilApplied(session, { revision }, wait);
}
