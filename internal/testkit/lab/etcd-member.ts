// Etcd member: the command line of a node's etcd, by version.

import { join } from 'node:path';
import { run } from '#internal/exec/exec.ts';
import { etcdEndpoint, nodeFiles, usualSettings } from './node-files.ts';
import type { LabNode } from './topology.ts';

export const etcdPeerPort = 2380;
const peerUrl = (node: LabNode): string => `https://[${node.meshAddress}]:${etcdPeerPort}`;

/** A program that is etcd, and its version. */
export interface EtcdProgram {
  readonly file: string;
  readonly major: number;
  readonly minor: number;
}

/** `3.4` of `etcd Version: 3.4.23`. */
export async function etcdProgram(file = 'etcd'): Promise<EtcdProgram> {
  const { stdout } = await run({ file, args: ['--version'] });
  const found = /etcd Version: (\d+)\.(\d+)/.exec(stdout);
  return { file, major: Number(found?.[1] ?? 3), minor: Number(found?.[2] ?? 4) };
}

export interface EtcdSettings {
  readonly progressNotifyMs: number;
  /** Where members keep their data, each in a directory of its name. A node's own files are in memory. */
  readonly dataDirectory?: string;
}

/** Client and peer traffic by TLS with a certificate of the own CA on both ends, on the mesh address alone. */
export function etcdArgv(
  node: LabNode,
  all: readonly LabNode[],
  program: EtcdProgram,
  { progressNotifyMs, dataDirectory }: EtcdSettings = usualSettings,
): readonly string[] {
  const files = nodeFiles(node.id);
  const since36 = program.major > 3 || program.minor >= 6;
  const flags = {
    name: node.id,
    'data-dir': dataDirectory === undefined ? files.etcdData : join(dataDirectory, node.id),
    'listen-client-urls': etcdEndpoint(node),
    'advertise-client-urls': etcdEndpoint(node),
    'listen-peer-urls': peerUrl(node),
    'initial-advertise-peer-urls': peerUrl(node),
    'initial-cluster': all.map((member) => `${member.id}=${peerUrl(member)}`).join(','),
    'initial-cluster-state': 'new',
    'initial-cluster-token': 'pop44-lab',
    'client-cert-auth': 'true',
    'trusted-ca-file': files.ca,
    'cert-file': files.certificate,
    'key-file': files.key,
    'peer-client-cert-auth': 'true',
    'peer-trusted-ca-file': files.ca,
    'peer-cert-file': files.certificate,
    'peer-key-file': files.key,
    // Renamed in 3.6.
    [since36 ? 'watch-progress-notify-interval' : 'experimental-watch-progress-notify-interval']:
      `${progressNotifyMs}ms`,
    // The default from 3.5 on.
    'pre-vote': 'true',
    'log-level': 'warn',
    // A lab's data is small and lives in memory: history is cut by the hour, not kept for ever.
    'auto-compaction-retention': '1',
  };
  return [program.file, ...Object.entries(flags).map(([name, value]) => `--${name}=${value}`)];
}
