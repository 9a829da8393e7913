// Patched cluster: three nodes, or those of a lab, whose daemons have points to stop at, and what their logs say.

import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { messageOf } from '#internal/errors/errors.ts';
import { type Cluster, type ClusterOptions, raiseCluster } from '#internal/testkit/cluster.ts';
import { raiseLab, type World, type WorldOptions } from '#internal/testkit/lab/lab.ts';
import { makeOrderDirectory } from './freezes.ts';
import {
  misplaced,
  orderVariable,
  type Patch,
  type PatchOrder,
  points,
  type Sighting,
  sightingMark,
  sightings,
} from './patch.ts';

const tree = fileURLToPath(new URL('..', import.meta.url));
const loader = join(tree, 'chaos/patch-loader.ts');
const textOf = (file: string): string => readFileSync(join(tree, file), 'utf8');

/** Where orders to stop are left for the daemons. */
export const ordersIn = (directory: string): string => join(directory, 'orders');

/**
 * What a daemon is told to load patched, as a file; gives its environment. @param more patches beside points and sightings
 * @throws Error that names patches which fit the tree no more
 */
function orderPatches(directory: string, more: readonly Patch[]): Readonly<Record<string, string>> {
  const patches = [...Object.values(points), ...Object.values(sightings), ...more];
  const problems = misplaced(patches, textOf);
  if (problems.length > 0) throw new Error(`patches that fit no more: ${problems.join('; ')}`);
  makeOrderDirectory(ordersIn(directory));
  const order: PatchOrder = { patches, orders: ordersIn(directory) };
  const file = join(directory, 'order.json');
  writeFileSync(file, JSON.stringify(order));
  return { [orderVariable]: file, NODE_OPTIONS: `--import=${loader}` };
}

/** @param more as above. @throws what was last wrong, with the ends of all logs */
export async function raisePatched(
  options: Omit<ClusterOptions, 'daemonEnv'>,
  more: readonly Patch[],
): Promise<Cluster> {
  const { directory } = options;
  const daemonEnv = orderPatches(directory, more);
  try {
    // Patches are of sources.
    return await raiseCluster({ ...options, treeOf: (id) => options.treeOf?.(id) ?? tree, daemonEnv });
  } catch (thrown) {
    throw new Error([lastWords(directory), messageOf(thrown)].join('\n'), { cause: thrown });
  }
}

/** Both halves in a lab. */
export function raisePatchedLab(options: WorldOptions, more: readonly Patch[]): Promise<World> {
  const env = Object.entries(orderPatches(options.directory, more)).map(([name, value]) => `${name}=${value}`);
  const daemonArgv = ['env', ...env, process.execPath, join(tree, 'cmd/pop44d/main.ts')];
  return raiseLab({ ...options, daemonArgv });
}

/** Text of every log by process. */
export function logsIn(directory: string): ReadonlyMap<string, string> {
  const logs = join(directory, 'log');
  const names = existsSync(logs) ? readdirSync(logs).sort() : [];
  return new Map(names.map((name) => [basename(name, '.log'), readFileSync(join(logs, name), 'utf8')]));
}

/** The end of every log, for whoever must know why nothing came of it. */
export const lastWords = (directory: string): string =>
  [...logsIn(directory)].map(([name, text]) => `${name}: ${text.slice(-1_000)}`).join('\n');

export function countSightings(logs: ReadonlyMap<string, string>, sighting: Sighting): number {
  const line = `${sightingMark} ${sighting}\n`;
  return [...logs.values()].reduce((sum, text) => sum + text.split(line).length - 1, 0);
}

/** What a daemon writes when something happens that its code does not expect. */
const complaint = /"msg":"call-failed"|unsettled top-level await|Uncaught|UnhandledPromise/;

/** Lines of the daemons' logs, each with the process that wrote it. */
export const complaintsIn = (logs: ReadonlyMap<string, string>): readonly string[] =>
  [...logs]
    .filter(([name]) => name.endsWith('-daemon'))
    .flatMap(([name, text]) => text.split('\n').flatMap((line) => (complaint.test(line) ? [`${name}: ${line}`] : [])));
