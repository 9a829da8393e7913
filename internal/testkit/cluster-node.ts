// Cluster node: the processes of one node of a cluster, and the files that they start from.

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ClusterOptions } from './cluster.ts';
import { type ClusterProcess, clusterProcess } from './cluster-process.ts';
import { etcdArgv, type EtcdProgram } from './lab/etcd-member.ts';
import { etcdClientPort, joinPort, newNodeKeys, nodeFiles, writeNodeFiles } from './lab/node-files.ts';
import { netnsFile, nodeDirectory } from './lab/places.ts';
import { unprivileged } from './lab/raise.ts';
import { apiPort, type LabNode } from './lab/topology.ts';
import { programFile } from './programs.ts';

export interface ClusterNode {
  readonly id: string;
  /** Of its API, its etcd and its proxy. */
  readonly address: string;
  /** Name of its network namespace. */
  readonly netns: string;
  readonly daemon: ClusterProcess;
  readonly etcd: ClusterProcess;
  /** `url` is that of its HTTP API; its proxies are called `etcd` and `api`, before the two. */
  readonly toxiproxy?: { readonly url: string; readonly process: ClusterProcess };
}

/** By the service that each stands before. */
export const proxies = { etcd: 'etcd', api: 'api' } as const;
const proxyPort = 12_379;
const apiProxyPort = 14_440;
const toxiproxyPort = 8_474;
/** As in the lab. */
const progressNotifyMs = 500;
/** Seconds, where a lab has 10: takeovers are waited for. */
const usualTtlSeconds = 3;

/** Where the daemons look for etcd on each node. */
export const daemonsEtcdPort = ({ toxiproxy }: ClusterOptions): number =>
  toxiproxy === undefined ? etcdClientPort : proxyPort;

export const etcdDataOf = (nodeId: string, { etcdData }: Pick<ClusterOptions, 'etcdData'>): string =>
  etcdData === undefined ? nodeFiles(nodeId).etcdData : join(etcdData, nodeId);

/** What the wall clock of the node's daemon is, for libfaketime. */
export const clockFile = (nodeId: string): string => join(nodeDirectory(nodeId), 'clock');

/** Wall clock alone: timers and leases of the daemon go by the other. */
const faketimeEnv = (library: string, nodeId: string): Readonly<Record<string, string>> => ({
  LD_PRELOAD: library,
  FAKETIME_TIMESTAMP_FILE: clockFile(nodeId),
  FAKETIME_CACHE_DURATION: '1',
  FAKETIME_DONT_FAKE_MONOTONIC: '1',
  NO_FAKE_STAT: '1',
});

/** Where clients and other daemons look for the API of each node. */
export const daemonsApiPort = ({ toxiproxy }: Pick<ClusterOptions, 'toxiproxy'>): number =>
  toxiproxy === undefined ? apiPort : apiProxyPort;

const proxiesFile = (nodeId: string): string => join(nodeDirectory(nodeId), 'toxiproxy.json');

/** What an operator puts on the nodes, and the admin's credentials into the directory. */
export async function writeClusterFiles(nodes: readonly LabNode[], options: ClusterOptions): Promise<void> {
  const keyed = nodes.map((node) => ({ node, keys: newNodeKeys() }));
  await writeNodeFiles(keyed, options.directory, options.clock.wall(), {
    progressNotifyMs,
    etcdPort: daemonsEtcdPort(options),
    electionTtlSeconds: options.electionTtlSeconds ?? usualTtlSeconds,
    joinAddress: ({ meshAddress }) => `[${meshAddress}]:${joinPort}`,
    ...(options.withoutAuthority && { withoutAuthority: true }),
    ...(options.certificateSeconds === undefined ? {} : { certificateSeconds: options.certificateSeconds }),
  });
  await Promise.all(
    nodes.map(({ id, meshAddress }) => {
      const at = (port: number): string => `[${meshAddress}]:${port}`;
      const before = (name: string, listen: number, upstream: number) => ({
        ...{ name, listen: at(listen), upstream: at(upstream), enabled: true },
      });
      const all = [before(proxies.etcd, proxyPort, etcdClientPort), before(proxies.api, apiProxyPort, apiPort)];
      return writeFile(proxiesFile(id), JSON.stringify(all));
    }),
  );
  await Promise.all(nodes.map(({ id }) => writeFile(clockFile(id), '+0s x1\n')));
}

export function clusterNode(
  node: LabNode,
  all: readonly LabNode[],
  etcd: EtcdProgram,
  options: ClusterOptions,
): ClusterNode {
  const serve = (what: string, argv: readonly string[], env: Readonly<Record<string, string>> = {}): ClusterProcess => {
    const name = `${node.id}-${what}`;
    const [file = '', ...args] = [...unprivileged, ...argv];
    const command = { file, args, netns: netnsFile(node.transport), env };
    return clusterProcess(name, join(options.directory, 'log', `${name}.log`), command);
  };
  const other = options.treeOf?.(node.id);
  const program = other === undefined ? programFile('pop44d') : join(other, 'cmd/pop44d/main.ts');
  const { faketime } = options;
  const daemonEnv = { ...options.daemonEnv, ...(faketime && faketimeEnv(faketime, node.id)) };
  const daemon = [process.execPath, program, 'run', '--config', nodeFiles(node.id).config];
  const proxy = ['-host', node.meshAddress, '-port', String(toxiproxyPort), '-config', proxiesFile(node.id)];
  return {
    id: node.id,
    address: node.meshAddress,
    netns: node.transport,
    etcd: serve(
      'etcd',
      etcdArgv(node, all, etcd, { progressNotifyMs, ...(options.etcdData && { dataDirectory: options.etcdData }) }),
    ),
    daemon: serve('daemon', daemon, daemonEnv),
    ...(options.toxiproxy === undefined
      ? {}
      : {
          toxiproxy: {
            url: `http://[${node.meshAddress}]:${toxiproxyPort}`,
            process: serve('toxiproxy', [options.toxiproxy, ...proxy]),
          },
        }),
  };
}

export const processesOf = ({ daemon, etcd, toxiproxy }: ClusterNode): readonly ClusterProcess[] => [
  daemon,
  etcd,
  ...(toxiproxy === undefined ? [] : [toxiproxy.process]),
];
