// Failover thousand: the death of the active node with 1,000 live tunnels, and when each of them is called back.

import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { realClock } from '#internal/clock/clock.ts';
import type { Endpoint } from '#internal/duty/duty.ts';
import { eventually } from '#internal/testkit/eventually.ts';
import { killNode, startNode } from '#internal/testkit/lab/pair.ts';
import type { EchoPace, Echoes } from '#internal/testkit/called-clients.ts';
import { host4 } from '#internal/testkit/lab/topology.ts';
import { program, type Scene, settled, withinMs } from './failover-scene.ts';
import type { BenchOptions } from './main.ts';
import { type Figures, figure, median } from './report.ts';
import { addSources, sources } from './sources.ts';
import { applied, createTunnels, newPrivateKey, publicKeyOf } from './tunnels.ts';

/** Tunnels. */
const most = 1_000;
const connectMs = 120_000;
/** The standby writes what it hears each 5 s. */
const againMs = 15_000;
/** BFD of 100 ms times 3. */
const detectedMs = 300;
const service = 'host-called';

/** What called-clients.ts says. */
type Said = Partial<{
  connected: number;
  refreshed: number;
  perSecond: number;
  echoes: Echoes;
  back: readonly (readonly [which: number, atMs: number, callsMs: readonly number[]])[];
}>;

const raised = new WeakMap<Scene, Promise<readonly string[]>>();

/** 500 echoes a second with 1,000 clients. */
const seldom: EchoPace = { everyMs: 2_000, flows: true };

/** Once for a scene; gives their public keys. @param count default 1,000 @param pace of their echoes, when they are told to */
export function raiseClients(scene: Scene, count = most, pace = seldom): Promise<readonly string[]> {
  const keys = raised.get(scene) ?? raiseAll(scene, count, pace);
  raised.set(scene, keys);
  return keys;
}

async function raiseAll({ lab, client }: Scene, count: number, pace: EchoPace): Promise<readonly string[]> {
  const keys = Array.from({ length: count }, newPrivateKey);
  const made = await createTunnels(client, keys, { homePopId: 'south' });
  const known = made.map(({ address4 }, at) => [keys[at], address4]);
  await applied(client);
  const template = await client.tunnels.getTunnelTemplate({ tunnel: 'near', popId: 'south' });
  await writeFile('/run/called-keys.json', JSON.stringify(known), { mode: 0o600 });
  await addSources(lab);
  const server = [template.peerPublicKey, template.endpointAddress, String(template.endpointPort)];
  const echo = [host4, JSON.stringify(pace)];
  const argv = [process.execPath, program('called-clients'), ...echo, '/run/called-keys.json', ...server, ...sources];
  await lab.serve(service, 'host', argv);
  return keys.map(publicKeyOf);
}

/** All that the clients have said so far. */
const said = async ({ lab }: Scene): Promise<readonly Said[]> => {
  const lines = (await readFile(join(lab.directory, 'log', `${service}.log`), 'utf8')).split('\n');
  return lines.filter((line) => line.startsWith('{')).map((line) => JSON.parse(line) as Said);
};

/** What they say next of a kind, after something. */
async function next<K extends keyof Said>(scene: Scene, kind: K, after: () => unknown): Promise<NonNullable<Said[K]>> {
  const before = (await said(scene)).length;
  await after();
  return eventually(
    async () => (await said(scene)).slice(before).find((one) => one[kind] !== undefined)?.[kind],
    connectMs,
  );
}

const tell = ({ lab }: Scene, name: NodeJS.Signals): void =>
  void process.kill(lab.service(service).pid() ?? Number.NaN, name);

/** All clients send echoes while something is done. */
export async function echoedDuring<T>(scene: Scene, work: () => Promise<T>): Promise<readonly [T, Echoes]> {
  tell(scene, 'SIGALRM');
  const done = await work();
  return [done, await next(scene, 'echoes', () => tell(scene, 'SIGALRM'))];
}

/** The standby has heard of all of them, written each 5 s. */
export const heardOfAll = ({ lab }: Scene, standby: string, publicKeys: readonly string[]) =>
  eventually(async () => {
    const { stdout } = await lab.exec('host', ['cat', `/run/node/${standby}/sibling-endpoints`]);
    const entries = JSON.parse(stdout) as readonly Endpoint[];
    const known = new Set(entries.map(({ peerKey }) => peerKey.split(' ')[1]));
    return publicKeys.every((key) => known.has(key));
  }, withinMs);

export async function thousand(scene: Scene, { quick, tunnels, say }: BenchOptions): Promise<Figures> {
  const { lab } = scene;
  const publicKeys = await raiseClients(scene, tunnels);
  const count = publicKeys.length;
  await eventually(async () => (await said(scene)).length > 0, connectMs);
  const order = (name: NodeJS.Signals) => () => tell(scene, name);
  const rates: number[] = [];
  const lasts: number[] = [];
  const bounds: number[] = [];
  const recents: number[] = [];
  const counts: number[] = [];
  for (let left = quick ? 1 : 5; left > 0; left -= 1) {
    const [active, standby] = await settled(scene);
    const perSecond = await next(scene, 'perSecond', order('SIGUSR2'));
    const refreshedMs = realClock.wall().getTime();
    const recent = await next(scene, 'refreshed', order('SIGHUP'));
    let toldMs = realClock.monotonicMs();
    await eventually(async () => {
      // A client whose first word in its session was lost has none.
      if (realClock.monotonicMs() - toldMs > againMs) {
        toldMs = realClock.monotonicMs();
        tell(scene, 'SIGHUP');
      }
      const { stdout } = await lab.exec('host', ['cat', `/run/node/${standby}/sibling-endpoints`]);
      const entries = JSON.parse(stdout) as readonly Endpoint[];
      const known = new Map(entries.map(({ peerKey, handshakeMs }) => [peerKey.split(' ')[1], handshakeMs]));
      const isNew = (key: string): boolean => (known.get(key) ?? 0) >= refreshedMs;
      return publicKeys.every((key) => known.has(key)) && publicKeys.slice(0, recent).every(isNew);
    }, withinMs);
    let killedMs = 0;
    const back = await next(scene, 'back', async () => {
      killedMs = await killNode(lab, active);
    });
    await startNode(lab, active);
    // Who is called again, though it has answered, was back before.
    const first = new Map(back.map(([at, atMs]) => [at, atMs] as const).toReversed());
    const tookMs = (which: (at: number) => boolean): number =>
      Math.max(...[...first].filter(([at]) => which(at)).map(([, atMs]) => atMs - killedMs));
    rates.push(perSecond);
    counts.push(first.size);
    lasts.push(tookMs(() => true));
    bounds.push(detectedMs + (1.5 * 1_000 * count) / perSecond);
    recents.push(tookMs((at) => at < recent));
    say(
      `death with ${count} tunnels: ${counts.at(-1)} called back, the last after ${lasts.at(-1)} ms (goal ${bounds.at(-1)?.toFixed(0)}), the last of ${recent} recently active after ${recents.at(-1)} ms; ${perSecond.toFixed(0)} handshakes/s`,
    );
    for (const [at, atMs, callsMs] of back) {
      const afterMs = atMs - killedMs;
      if (atMs === first.get(at) && afterMs > (bounds.at(-1) ?? 0))
        say(
          `client ${at} was back after ${afterMs} ms: called after ${callsMs.map((ms) => ms - killedMs).join(', ')} ms`,
        );
    }
  }
  const ratios = lasts.map((last, at) => last / (bounds[at] ?? Number.NaN));
  return {
    thousand_back: figure(Math.min(...counts), 'tunnels', `>= ${count}`, counts),
    thousand_last_ms: figure(Math.max(...lasts), 'ms', '', lasts),
    thousand_handshakes: figure(median(rates), '1/s', '', rates),
    thousand_last_by_bound: figure(Math.max(...ratios), 'ratio', '<= 1', ratios),
    thousand_recent_ms: figure(median(recents), 'ms', '<= 600', recents),
  };
}
