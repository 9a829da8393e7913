// Etcdctl: what an operator would do to etcd, with the operator's own tool.

import type { Clock } from '#internal/clock/clock.ts';
import { run } from '#internal/exec/exec.ts';
import type { Cluster } from '#internal/testkit/cluster.ts';

/** @throws Fault `exec`, with what etcdctl said */
export async function etcdctl(
  { context, etcd }: Cluster,
  args: readonly string[],
  options: {
    readonly endpoints?: readonly string[];
    readonly accept?: readonly number[];
    readonly input?: string;
  } = {},
): Promise<string> {
  const { endpoints = etcd.endpoints, accept, input } = options;
  const { stdout } = await run({
    file: 'etcdctl',
    args: [
      // One that is away would else be waited for: 5 s.
      ...['--dial-timeout=1s', '--command-timeout=2s'],
      ...[`--cacert=${context.ca}`, `--cert=${context.certificate}`, `--key=${context.key}`],
      ...[`--endpoints=${endpoints.join(',')}`, ...args],
    ],
    env: { ETCDCTL_API: '3' },
    ...(accept && { accept }),
    ...(input !== undefined && { input }),
  });
  return stdout;
}

/** Milliseconds: a process each time. */
const againAfterMs = 250;

/** For what has to wait for an election, on a loaded machine; each takes a second or two alone. */
export const doneWithinMs = 20_000;

/** Does it again until it does not throw. @throws what was last wrong */
export async function untilDone<T>(work: () => Promise<T>, withinMs: number, clock: Clock): Promise<T> {
  const deadline = clock.monotonicMs() + withinMs;
  for (;;) {
    try {
      return await work();
    } catch (thrown) {
      if (clock.monotonicMs() > deadline) throw thrown;
      await clock.sleep(againAfterMs);
    }
  }
}

export interface EtcdMember {
  /** In hex, as etcdctl takes it. */
  readonly id: string;
  /** The node's. */
  readonly name: string;
  readonly learner: boolean;
}

/** `8e9e05c52164694d, started, p1, https://..., https://..., false` a line; older versions say nothing of learners. */
export async function membersOf(cluster: Cluster, endpoints?: readonly string[]): Promise<readonly EtcdMember[]> {
  const text = await etcdctl(cluster, ['member', 'list'], endpoints && { endpoints });
  return text
    .trim()
    .split('\n')
    .map((line) => line.split(', '))
    .map(([id = '', , name = '', , , learner]) => ({ id, name, learner: learner === 'true' }));
}

/** etcdctl's own words; the numbers are rounded, both alike. */
interface EndpointStatus {
  readonly Endpoint: string;
  readonly Status: {
    readonly header: { readonly member_id: number };
    readonly leader: number;
    readonly dbSize: number;
  };
}

async function statusesOf(cluster: Cluster): Promise<readonly EndpointStatus[]> {
  // 1: one of them does not answer.
  const text = await etcdctl(cluster, ['--write-out=json', 'endpoint', 'status'], { accept: [0, 1] });
  return JSON.parse(text) as readonly EndpointStatus[];
}

/** The node whose member leads etcd, as its members say. */
export async function etcdLeaderOf(cluster: Cluster): Promise<string> {
  const leading = (await statusesOf(cluster)).find(({ Status }) => Status.leader === Status.header.member_id);
  const node = cluster.nodes[cluster.etcd.endpoints.indexOf(leading?.Endpoint ?? '')];
  if (node === undefined) throw new Error('no member of etcd leads');
  return node.id;
}

/** Of etcd on a node itself, past every proxy. */
export const endpointOf = (cluster: Cluster, node: string): string =>
  cluster.etcd.endpoints[cluster.nodes.findIndex(({ id }) => id === node)] ?? '';

export const otherEndpoints = (cluster: Cluster, node: string): readonly string[] =>
  cluster.etcd.endpoints.filter((endpoint) => endpoint !== endpointOf(cluster, node));
