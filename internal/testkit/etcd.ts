// A real etcd for tests: one or three members on free loopback ports, data in a directory that vanishes with it.

import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Kept, keep } from '#internal/exec/exec.ts';
import { eventually } from './eventually.ts';

export interface TestMember {
  readonly name: string;
  /** Of the clients' side. */
  readonly port: number;
  readonly url: string;
  /** Its data, to be touched while it is not running. */
  readonly directory: string;
  /** SIGSTOP and SIGCONT. */
  pause(): void;
  resume(): void;
  /** SIGKILL; returns when it is gone. */
  kill(): Promise<void>;
  /** Again, on the same data and ports; returns when it answers. With `wipe`: on no data, as a new cluster would be. */
  start(options?: { wipe: boolean }): Promise<void>;
}

export interface TestEtcd extends AsyncDisposable {
  readonly endpoints: readonly string[];
  readonly members: readonly TestMember[];
  /** The first member; of a cluster of one the only one. */
  readonly member: TestMember;
}

export interface TestEtcdOptions {
  readonly members?: 1 | 3;
  readonly args?: readonly string[];
  /** With these flags the clients' side is https. */
  readonly tlsArgs?: readonly string[];
  /** Of the clients' side; `127.0.0.1` unless told. */
  readonly host?: '127.0.0.1' | '[::1]';
}

/** As in the lab. */
export const testProgressNotifyMs = 500;
/** Another version than the system's: POP44_ETCD=/path/to/etcd. The flags below are those of 3.4 to 3.6. */
const program = process.env['POP44_ETCD'] ?? 'etcd';

export async function startEtcd(options: TestEtcdOptions = {}): Promise<TestEtcd> {
  const directory = await mkdtemp(join(tmpdir(), 'pop44-etcd-'));
  const count = options.members ?? 1;
  const ports = await freePorts(2 * count);
  const peers = ports.slice(count).map((port) => `http://127.0.0.1:${port}`);
  const cluster = peers.map((url, at) => `m${at}=${url}`).join(',');
  const members = peers.map((peer, at) =>
    memberOf({ name: `m${at}`, peer, cluster, port: ports[at] ?? 0, directory, options }),
  );
  const dispose = async () => {
    await Promise.all(members.map((member) => member.kill()));
    await rm(directory, { recursive: true, force: true });
  };
  const [member] = members;
  if (member === undefined) throw new Error('no members');
  try {
    await Promise.all(members.map((each) => each.start()));
  } catch (thrown) {
    await dispose();
    throw thrown;
  }
  return { endpoints: members.map(({ url }) => url), members, member, [Symbol.asyncDispose]: dispose };
}

interface MemberPlace {
  readonly name: string;
  readonly peer: string;
  readonly cluster: string;
  readonly port: number;
  readonly directory: string;
  readonly options: TestEtcdOptions;
}

function memberOf({ name, peer, cluster, port, directory, options }: MemberPlace): TestMember {
  const url = `${options.tlsArgs === undefined ? 'http' : 'https'}://${options.host ?? '127.0.0.1'}:${port}`;
  const data = join(directory, name);
  let child: Kept | undefined;
  let gone: Promise<void> = Promise.resolve();
  const output: string[] = [];

  async function start({ wipe } = { wipe: false }): Promise<void> {
    if (wipe) await rm(data, { recursive: true, force: true });
    const ended = Promise.withResolvers<void>();
    let exit: string | undefined;
    child = await keep({
      file: program,
      args: [
        ...['--name', name, '--data-dir', data, '--logger', 'zap', '--log-level', 'error'],
        ...['--listen-client-urls', url, '--advertise-client-urls', url],
        ...['--listen-peer-urls', peer, '--initial-advertise-peer-urls', peer],
        ...['--initial-cluster', cluster, '--initial-cluster-token', directory, '--pre-vote=true'],
        ...[`--experimental-watch-progress-notify-interval=${testProgressNotifyMs}ms`],
        ...(options.tlsArgs ?? []),
        ...(options.args ?? []),
      ],
      onStderr: (line) => output.push(line),
      onExit: (reason) => {
        exit = reason;
        ended.resolve();
      },
    });
    gone = ended.promise;
    await eventually(async () => {
      if (exit !== undefined) throw new Error(`${exit}: ${output.join('\n')}`);
      return options.tlsArgs === undefined ? answers(`${url}/health`) : true;
    }, 20_000);
  }

  return {
    name,
    port,
    url,
    directory: data,
    pause: () => signal(child, 'SIGSTOP'),
    resume: () => signal(child, 'SIGCONT'),
    async kill() {
      signal(child, 'SIGKILL');
      await gone;
      child = undefined;
    },
    start,
  };
}

function signal(child: Kept | undefined, name: NodeJS.Signals): void {
  if (child !== undefined) process.kill(child.pid, name);
}

/** Its health asks for a quorum: false until the cluster has a leader. */
async function answers(url: string): Promise<boolean> {
  try {
    return (await fetch(url, { signal: AbortSignal.timeout(1_000) })).ok;
  } catch {
    return false;
  }
}

/** Ports that were free a moment ago; all held at once, so that none comes twice. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'));
  try {
    await Promise.all(servers.map((server) => once(server, 'listening')));
    return servers.map((server) => {
      const address = server.address();
      if (address === null || typeof address === 'string') throw new Error('no port');
      return address.port;
    });
  } finally {
    await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  }
}
