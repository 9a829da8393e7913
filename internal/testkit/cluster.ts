// Cluster: the control plane of a small network without its data plane: on each node an etcd member and a daemon as an
// operator would start them, each node a network namespace on one bridge, and we beside them as the admin.
//
// On the path: chaos and bench raise it in a sandbox (network, mount and process namespaces of their own); faults are
// done to its processes and namespaces from here.
// Never: starts again what died; whoever kills decides when it comes back.

import { mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type Client, type ClientOptions, type Context, openClient } from '#internal/client/client.ts';
import type { Clock } from '#internal/clock/clock.ts';
import type { Tls } from '#internal/etcd/etcd.ts';
import { run, type RunOptions, type RunOutput } from '#internal/exec/exec.ts';
import { raiseClusterNetwork, razeClusterNetwork } from './cluster-network.ts';
import { mountDisks, unmountDisks } from './cluster-disks.ts';
import {
  type ClusterNode,
  clockFile,
  clusterNode,
  daemonsApiPort,
  daemonsEtcdPort,
  etcdDataOf,
  processesOf,
  writeClusterFiles,
} from './cluster-node.ts';
import { eventually } from './eventually.ts';
import { etcdProgram } from './lab/etcd-member.ts';
import { adminFiles, etcdEndpoint } from './lab/node-files.ts';
import { netnsFile, nodeDirectory } from './lab/places.ts';
import { labNode } from './lab/topology.ts';
import { createPops } from './requests.ts';

export type { ClusterNode } from './cluster-node.ts';
export type { ClusterProcess } from './cluster-process.ts';

export interface ClusterOptions {
  /** For logs (`log/p1-daemon.log`) and the admin's credentials. Made, and left to the caller to remove. */
  readonly directory: string;
  readonly clock: Clock;
  /** 1 to 4; default 3. */
  readonly nodes?: number;
  /** Path of another etcd than the system's. */
  readonly etcd?: string;
  /** Where the members keep their data, which is in memory otherwise: on a disk, for figures that mean something. */
  readonly etcdData?: string;
  /** Path of toxiproxy's server: one stands before each etcd and each API then, and daemons and clients speak to them through it. */
  readonly toxiproxy?: string;
  /** Default 3. */
  readonly electionTtlSeconds?: number;
  /** Life of the nodes' certificates; default a week. */
  readonly certificateSeconds?: number;
  /** No node holds the CA's key: nothing is renewed and nobody joins. */
  readonly withoutAuthority?: true;
  /** One namespace more, of the node after the last, for a machine that joins. */
  readonly spare?: true;
  /** Added to the environment of the daemons: NODE_OPTIONS, and what a loader reads. */
  readonly daemonEnv?: Readonly<Record<string, string>>;
  /** Path of libfaketime: the daemons' wall clocks are what `clockFileOf` says. */
  readonly faketime?: string;
  /** Each member gets a disk of its own (tmpfs) of so many bytes. Not with `etcdData`. */
  readonly etcdDiskBytes?: number;
  /** The tree whose daemon a node runs, where that is another than this one. */
  readonly treeOf?: (nodeId: string) => string | undefined;
}

export interface Cluster extends AsyncDisposable {
  readonly directory: string;
  readonly nodes: readonly ClusterNode[];
  /** `p1`, ... @throws RangeError when there is none */
  node(id: string): ClusterNode;
  /** Of the admin. */
  readonly context: Context;
  /** etcd itself, past every proxy: for a witness, and for figures of the bare store. */
  readonly etcd: { readonly endpoints: readonly string[]; readonly tls: Tls };
  /** Of etcd as the daemons see it: 2379, or 12379 where proxies stand. */
  readonly daemonsEtcdPort: number;
  /** Of the API as clients and other daemons see it: 4440, or 14440 where proxies stand. */
  readonly daemonsApiPort: number;
  /** Where the member of a node keeps its data. */
  etcdDataOf(nodeId: string): string;
  readonly etcdDiskBytes?: number;
  /** libfaketime(1), FAKETIME_TIMESTAMP_FILE: `+40s`; read anew each second. Undefined without `faketime`. */
  clockFileOf(nodeId: string): string | undefined;
  client(options?: ClientOptions): Client;
  /** Runs a program to its end on a node. @throws Fault `exec` */
  exec(node: string, argv: readonly string[], options?: ExecOptions): Promise<RunOutput>;
  /** Until the daemons (all, or those named) answer and hear from their store. @throws what was last wrong */
  answering(withinMs: number, ids?: readonly string[]): Promise<void>;
  /** Network, a PoP and its node for every node, and pools; done when every daemon knows them. */
  createFabric(pools: readonly string[]): Promise<void>;
  /** Processes that ended without having been asked to, a line each. */
  deaths(): readonly string[];
}

type ExecOptions = Pick<RunOptions, 'input' | 'accept' | 'timeoutMs'>;

/** Milliseconds, for a loaded machine; 2 to 3 s are needed. */
const raisedWithinMs = 30_000;
const knownWithinMs = 10_000;

/** Done when every daemon answers. @throws what was last wrong; everything is stopped then */
export async function raiseCluster(options: ClusterOptions): Promise<Cluster> {
  const { directory } = options;
  const all = Array.from({ length: options.nodes ?? 3 }, (_, at) => labNode(at + 1));
  const places = options.spare === true ? [...all, labNode(all.length + 1)] : all;
  const program = await etcdProgram(options.etcd);
  const nodes = all.map((node) => clusterNode(node, all, program, options));
  const processes = nodes.flatMap(processesOf);
  const at = (name: string): string => join(directory, name);
  const context: Context = {
    file: directory,
    ca: at(adminFiles.ca),
    certificate: at(adminFiles.certificate),
    key: at(adminFiles.key),
    daemons: nodes.map(({ id, address }) => ({ node: id, address: `[${address}]:${daemonsApiPort(options)}` })),
    namespaces: nodes.map(({ netns }) => netns),
  };
  const dispose = async (): Promise<void> => {
    await Promise.all(processes.map((each) => each.kill()));
    await razeClusterNetwork(places);
    if (options.etcdDiskBytes !== undefined) await unmountDisks(all);
    await Promise.all(places.map(({ id }) => rm(nodeDirectory(id), { recursive: true, force: true })));
  };
  try {
    await mkdir(at('log'), { recursive: true });
    await Promise.all([raiseClusterNetwork(places), writeClusterFiles(all, options)]);
    if (options.etcdDiskBytes !== undefined) await mountDisks(all, options.etcdDiskBytes);
    await Promise.all(processes.map((each) => each.start()));
    const client = openClient(context);
    const tls: Tls = {
      ca: await readFile(context.ca),
      certificate: await readFile(at(adminFiles.certificate)),
      key: await readFile(at(adminFiles.key)),
    };
    const node = (id: string): ClusterNode => {
      const found = nodes.find((candidate) => candidate.id === id);
      if (found === undefined)
        throw new RangeError(`no node ${id}; there are ${nodes.map((each) => each.id).join(', ')}`);
      return found;
    };
    const clients = new Set([client]);
    const cluster: Cluster = {
      directory,
      nodes,
      node,
      context,
      etcd: { endpoints: all.map((each) => etcdEndpoint(each)), tls },
      daemonsEtcdPort: daemonsEtcdPort(options),
      daemonsApiPort: daemonsApiPort(options),
      etcdDataOf: (id) => etcdDataOf(id, options),
      ...(options.etcdDiskBytes && { etcdDiskBytes: options.etcdDiskBytes }),
      clockFileOf: (id) => (options.faketime === undefined ? undefined : clockFile(id)),
      client(clientOptions) {
        const opened = openClient(context, clientOptions);
        clients.add(opened);
        return opened;
      },
      exec: (id, [file = '', ...args], execOptions = {}) =>
        run({ file, args, netns: netnsFile(node(id).netns), ...execOptions }),
      async answering(withinMs, ids = nodes.map(({ id }) => id)) {
        for (const id of ids) await eventually(() => hearsFromStore(client, id), withinMs);
      },
      async createFabric(pools) {
        await createPops(client.fabric, nodes.length, daemonsApiPort(options));
        for (const prefix of pools) await client.pools.createPool({ prefix });
        for (const { id } of nodes) await eventually(() => knowsPools(client, id, pools.length), knownWithinMs);
      },
      deaths: () => processes.flatMap((each) => each.deaths()),
      async [Symbol.asyncDispose]() {
        for (const opened of clients) opened.close();
        await dispose();
      },
    };
    await cluster.answering(raisedWithinMs);
    return cluster;
  } catch (thrown) {
    await dispose();
    throw thrown;
  }
}

async function hearsFromStore(client: Client, id: string): Promise<true> {
  const { freshness } = await client.at(id).status.getStatus({});
  if (freshness === undefined || freshness.stale) throw new Error(`${id} does not hear from its store`);
  return true;
}

const knowsPools = async (client: Client, id: string, count: number): Promise<boolean> =>
  (await client.at(id).pools.listPools({})).pools.length === count;
