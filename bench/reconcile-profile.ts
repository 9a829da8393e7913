// Reconcile profile: what the processor does in both halves of a node, at rest and while its tunnels change: flame graphs, profiles
// for who wants to look closer (any viewer of V8's), and the dearest functions, in bench/out/profile.

import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { SourceMap, type SourceMapPayload } from 'node:module';
import { join, relative } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { readFileSync } from 'node:fs';
import Table from 'cli-table3';
import { realClock } from '#internal/clock/clock.ts';
import { eventually } from '#internal/testkit/eventually.ts';
import type { World } from '#internal/testkit/lab/lab.ts';
import { flame } from './flame.ts';
import type { BenchOptions } from './main.ts';
import { halves, type OfHalves } from './process.ts';
import { type CallFrame, type CpuProfile, type Dear, dearest, type Place, type Spent, spentIn } from './profile.ts';
import { changes, node, type ReconcileScene, tunnelsHere } from './reconcile-scene.ts';
import { afterDeathOf } from './reconcile-start.ts';

const written = '/run/profiles';
const profiler = fileURLToPath(new URL('./profiler.ts', import.meta.url));
/** What the daemons of a lab are started with so that they can be profiled. */
export const profileFlags: readonly string[] = [`--import=${pathToFileURL(profiler).href}?to=${written}`];

const tree = fileURLToPath(new URL('..', import.meta.url));
const out = fileURLToPath(new URL('./out/profile', import.meta.url));
/** Changes a second. */
const rate = 10;
const measureMs = 15_000;
const quickMeasureMs = 8_000;
const restMs = 5_000;
const writtenWithinMs = 30_000;
const shownFunctions = 10;

type Half = keyof OfHalves;
const programs: Readonly<Record<Half, string>> = { daemon: 'pop44d', dataplane: 'the privileged half' };

/** Of a program as it is installed: where a place of it stands in the sources. */
function mapOf(path: string): SourceMap | undefined {
  try {
    return new SourceMap(JSON.parse(readFileSync(`${path}.map`, 'utf8')) as SourceMapPayload);
  } catch {
    return undefined;
  }
}

function createPlaces(): (frame: CallFrame) => Place {
  const maps = new Map<string, SourceMap | undefined>();
  return ({ functionName, url, lineNumber, columnNumber }) => {
    const name = functionName === '' ? '(anonymous)' : functionName;
    if (!url.startsWith('file:')) return { name, at: url === '' ? '' : `${url}:${lineNumber + 1}` };
    const path = fileURLToPath(url);
    const map = maps.has(path) ? maps.get(path) : mapOf(path);
    maps.set(path, map);
    const entry = map?.findEntry(lineNumber, columnNumber);
    if (entry === undefined || !('originalSource' in entry))
      return { name, at: `${relative(tree, path)}:${lineNumber + 1}` };
    const source = new URL(entry.originalSource, url);
    // The bundle has texts of its own besides files (cmd/run/bundle.mjs).
    const from = source.protocol === 'file:' ? relative(tree, fileURLToPath(source)) : source.href;
    return { name, at: `${from}:${entry.originalLine + 1}` };
  };
}

async function take(pid: number): Promise<CpuProfile> {
  const file = join(written, `${pid}.cpuprofile`);
  const text = await eventually(() => readFile(file, 'utf8'), writtenWithinMs);
  await rm(file);
  return JSON.parse(text) as CpuProfile;
}

/** Of both halves, while the work goes on. */
async function profiled(lab: World, work: () => Promise<unknown>): Promise<Readonly<Record<Half, CpuProfile>>> {
  await mkdir(written, { recursive: true, mode: 0o700 });
  const { daemon, dataplane } = halves(lab, node);
  for (const pid of [daemon, dataplane]) process.kill(pid, 'SIGUSR2');
  await work();
  for (const pid of [daemon, dataplane]) process.kill(pid, 'SIGUSR2');
  return { daemon: await take(daemon), dataplane: await take(dataplane) };
}

/** The profile with the places of the sources, for viewers. */
function inSources(profile: CpuProfile, placeOf: (frame: CallFrame) => Place): CpuProfile {
  const nodes = profile.nodes.map(({ id, children, callFrame }) => {
    const { at } = placeOf(callFrame);
    const colon = at.lastIndexOf(':');
    const url = at === '' ? '' : at.slice(0, colon);
    const lineNumber = at === '' ? -1 : Number(at.slice(colon + 1)) - 1;
    return { id, ...(children && { children }), callFrame: { ...callFrame, url, lineNumber, columnNumber: 0 } };
  });
  return { ...profile, nodes };
}

function dearestTable(dear: readonly Dear[], root: Spent): string {
  const table = new Table({
    head: ['itself ms', 'share', 'with calls ms', 'function', 'place'],
    style: { head: [], border: [] },
  });
  for (const { name, at, selfMs, totalMs } of dear)
    table.push([selfMs.toFixed(1), `${((100 * selfMs) / root.totalMs).toFixed(1)} %`, totalMs.toFixed(1), name, at]);
  return table.toString();
}

/** Of pop44d, from its birth until it has heard the store and the node has applied all. */
async function profiledStart({ lab, client }: ReconcileScene): Promise<CpuProfile> {
  const revision = (await client.status.getStatus({})).freshness?.revision ?? 0n;
  await mkdir(written, { recursive: true, mode: 0o700 });
  await writeFile(join(written, 'begin'), '');
  await afterDeathOf(lab, ['daemon'], revision);
  await rm(join(written, 'begin'));
  const { daemon } = halves(lab, node);
  process.kill(daemon, 'SIGUSR2');
  return take(daemon);
}

export async function profiles(
  scene: ReconcileScene,
  { quick, say }: Pick<BenchOptions, 'quick' | 'say'>,
): Promise<void> {
  const { lab, standing } = scene;
  const ms = quick ? quickMeasureMs : measureMs;
  const registered = standing.here + standing.elsewhere;
  const placeOf = createPlaces();
  const tunnels = await tunnelsHere(scene);
  await mkdir(out, { recursive: true });

  async function tell(half: Half, state: string, doing: string, profile: CpuProfile): Promise<void> {
    const root = spentIn(profile, placeOf);
    const overMs = (profile.endTime - profile.startTime) / 1_000;
    const title = `${programs[half]}, ${registered} tunnels registered, ${standing.here} placed here, ${doing}`;
    const name = join(out, `${half}-${registered}-${state}`);
    const table = dearestTable(dearest(root, shownFunctions), root);
    const words = `${title}: busy for ${root.totalMs.toFixed(0)} ms of ${(overMs / 1_000).toFixed(1)} s`;
    await writeFile(`${name}.svg`, flame(title, root, overMs));
    await writeFile(`${name}.cpuprofile`, JSON.stringify(inSources(profile, placeOf)));
    await writeFile(`${name}.txt`, `${words}\n${table}\n`);
    say(`${words}\n${table}`);
  }

  const works = [
    ['changes', `${rate} changes a second`, () => changes(scene, tunnels, { rate, ms })],
    ['rest', 'at rest', () => realClock.sleep(ms)],
  ] as const;
  for (const [state, doing, work] of works) {
    await realClock.sleep(restMs);
    const taken = await profiled(lab, work);
    for (const half of ['daemon', 'dataplane'] as const) await tell(half, state, doing, taken[half]);
  }
  // What a start does shows with these; with all of them it takes minutes.
  if (standing.elsewhere === 0) await tell('daemon', 'start', 'a start', await profiledStart(scene));
}
