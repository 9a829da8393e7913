// Versions: of what took part in a run.

import { messageOf } from '#internal/errors/errors.ts';
import { run } from '#internal/exec/exec.ts';
import type { Cluster } from '#internal/testkit/cluster.ts';
import type { Means } from './fault.ts';
import { ownCommit } from './older-tree.ts';
import type { Report } from './report.ts';

/** By name; `none`: it took no part. */
export async function versionsOf(
  cluster: Cluster,
  { etcd, means }: { readonly etcd?: string; readonly means: Means },
): Promise<Report['versions']> {
  const { stdout } = await run({ file: etcd ?? 'etcd', args: ['--version'] });
  return {
    commit: await ownCommit(),
    node: process.version,
    etcd: /etcd Version: (\S+)/.exec(stdout)?.[1] ?? '',
    // What it cannot say any more is no reason to lose a report.
    toxiproxy: await toxiproxyOf(cluster).catch(messageOf),
    libfaketime: means.faketime === undefined ? 'none' : await faketimeOf(),
  };
}

/** As its own API says. */
async function toxiproxyOf({ nodes: [first] }: Cluster): Promise<string> {
  if (first?.toxiproxy === undefined) return 'none';
  const answer = await fetch(`${first.toxiproxy.url}/version`);
  return /[0-9][0-9A-Za-z.-]*/.exec(await answer.text())?.[0] ?? '';
}

async function faketimeOf(): Promise<string> {
  const { stdout } = await run({ file: 'faketime', args: ['--version'], accept: [0, 1] });
  return /Version (\S+)/.exec(stdout)?.[1] ?? '';
}
