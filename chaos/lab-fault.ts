// Lab fault: what is done to a lab, which has a data plane, one at a time.

import { eventually } from '#internal/testkit/eventually.ts';
import type { World } from '#internal/testkit/lab/lab.ts';
import { randomFrom } from '#internal/testkit/random.ts';
import type { DoneFault } from './fault.ts';
import type { Heal } from './fault-begin.ts';

interface Row {
  /** It takes nothing that carries packets: none may be lost. */
  readonly untouched: boolean;
  readonly seconds: readonly [least: number, most: number];
  readonly what: string;
}

export const labFaultTable = {
  'quorum-away': { untouched: true, seconds: [20, 20], what: 'two of three members of etcd are stopped' },
  'daemon-killed': { untouched: true, seconds: [1, 3], what: 'SIGKILL of the half of a node that faces the network' },
  'half-killed': { untouched: true, seconds: [1, 3], what: 'SIGKILL of the half that may touch the kernel' },
  'bird-killed': { untouched: false, seconds: [2, 4], what: 'SIGKILL of the BIRD of the pools' },
  'wireguard-killed': { untouched: false, seconds: [2, 4], what: 'SIGKILL of wireguard-go of the access interface' },
  'packets-lost': { untouched: false, seconds: [4, 8], what: 'one in five packets of the uplink is lost' },
  'half-open': { untouched: false, seconds: [4, 8], what: 'what a node sends to the others does not arrive' },
} as const satisfies Readonly<Record<string, Row>>;

export type LabFaultKind = keyof typeof labFaultTable;

export const labFaultKinds = Object.keys(labFaultTable) as readonly LabFaultKind[];

const lines = (text: string): readonly string[] => text.split('\n').filter((line) => line.trim() !== '');

const killWord = async (lab: World, netns: string, pattern: string): Promise<void> => {
  const inside = new Set(lines((await lab.exec(netns, ['ip', 'netns', 'pids', netns])).stdout).map(Number));
  const { stdout } = await lab.exec(netns, ['ps', '-eo', 'pid=,args=']);
  const found = lines(stdout).filter((line) => line.includes(pattern));
  const pids = found.map((line) => Number(line.trim().split(' ')[0])).filter((pid) => inside.has(pid));
  if (pids.length === 0) throw new Error(`${netns} has no process ${pattern}`);
  for (const pid of pids) process.kill(pid, 'SIGKILL');
};

const nftTable = 'inet chaos';
async function lose(lab: World, netns: string, hook: string, match: string): Promise<Heal> {
  const rules = `table ${nftTable} { chain c { type filter hook ${hook} priority raw; policy accept; ${match} drop; }; }`;
  await lab.exec(netns, ['nft', rules]);
  return async () => void (await lab.exec(netns, ['nft', `delete table ${nftTable}`]));
}

const nothing: Heal = async () => {};

/** On node `target`; what it gives undoes it. What is killed is started again by its service or its half. */
async function begin(lab: World, kind: LabFaultKind, target: string): Promise<Heal> {
  const kill = (service: string): void => {
    const pid = lab.service(service).pid();
    if (pid === undefined) throw new Error(`${service} does not run`);
    process.kill(pid, 'SIGKILL');
  };
  const others = lab.nodes.filter(({ node }) => node.id !== target).map(({ node }) => node);
  switch (kind) {
    case 'quorum-away': {
      const members = lab.nodes.slice(1).map(({ node }) => lab.service(`${node.id}-etcd`));
      await Promise.all(members.map((member) => member.stop()));
      return async () => void (await Promise.all(members.map((member) => member.start())));
    }
    case 'daemon-killed':
      kill(`${target}-daemon`);
      return nothing;
    case 'half-killed':
      kill(`${target}-dataplane`);
      return nothing;
    case 'bird-killed': {
      const { stdout } = await lab.exec(`${target}p`, ['cat', `/run/node/${target}/run/pop.bird.pid`]);
      const pid = Number(stdout);
      // 0 would be ourselves (kill(2)).
      if (!(pid > 1)) throw new Error(`BIRD of ${target} has no pid yet`);
      process.kill(pid, 'SIGKILL');
      return nothing;
    }
    case 'wireguard-killed':
      await killWord(lab, `${target}t`, 'wireguard-go p44w0');
      return nothing;
    case 'packets-lost':
      return lose(lab, `${target}t`, 'input', 'numgen random mod 5 == 0');
    case 'half-open':
      return lose(lab, `${target}t`, 'output', `ip daddr { ${others.map(({ underlay4 }) => underlay4).join(', ')} }`);
  }
}

export interface LabFaultsOptions {
  readonly kinds: readonly LabFaultKind[];
  readonly seed: number;
  readonly seconds: number;
  /** Seconds that `quorum-away` lasts; default as the table has it. */
  readonly awaySeconds?: number;
  /** Awaited after each: everything is as it should be again. */
  readonly rested: () => Promise<void>;
  readonly onFault: (fault: Pick<DoneFault<LabFaultKind>, 'kind' | 'target'>, over: boolean) => void;
}

/** One after another, each kind as often as the others, until the time is over; at least one. */
export async function runLabFaults(lab: World, options: LabFaultsOptions): Promise<readonly DoneFault<LabFaultKind>[]> {
  const { kinds, seed, seconds, awaySeconds, rested, onFault } = options;
  const { clock } = lab;
  const random = randomFrom(seed);
  const began = clock.monotonicMs();
  const now = (): number => Math.round(clock.monotonicMs() - began);
  const done: DoneFault<LabFaultKind>[] = [];
  const order = kinds.map((kind) => [random(), kind] as const).sort(([a], [b]) => a - b);
  for (let turn = 0; ; turn += 1) {
    const kind = order[turn % order.length]?.[1];
    const target = lab.nodes[Math.floor(random() * lab.nodes.length)]?.node.id;
    if (kind === undefined || target === undefined) return done;
    const [least, most] = labFaultTable[kind].seconds;
    const wanted = kind === 'quorum-away' ? (awaySeconds ?? least) : least + random() * (most - least);
    const planned = { kind, target, at: now(), durationMs: Math.round(wanted * 1_000) };
    if (turn > 0 && planned.at + planned.durationMs > seconds * 1_000) return done;
    onFault(planned, false);
    let problem: string | undefined;
    try {
      const heal = await begin(lab, kind, target);
      await clock.sleep(planned.durationMs);
      await eventually(() => heal().then(() => true), 10_000);
    } catch (thrown) {
      problem = String(thrown);
    }
    const fault = { ...planned, healedAt: now(), ...(problem !== undefined && { problem }) };
    onFault(fault, true);
    await rested();
    // What was lost until then belongs to it.
    done.push({ ...fault, restedAt: now() });
  }
}
