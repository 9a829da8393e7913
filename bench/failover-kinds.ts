// Failover kinds: one death of the active node, seen by clients of every kind at once, beside what was predicted of it.

import { realClock } from '#internal/clock/clock.ts';
import { type Outage, outageDuring } from '#internal/testkit/lab/outage.ts';
import { killNode, type Member, startNode } from '#internal/testkit/lab/pair.ts';
import { host4 } from '#internal/testkit/lab/topology.ts';
import { heardPort, program, type Scene, servedPort, settled, type StationName } from './failover-scene.ts';
import { type Figures, figure, median } from './report.ts';

/** Seconds: longer than an outage, and than flows take to begin. */
const watchSeconds = 6;
/** Milliseconds that a node, and what watches it, has before anything happens to it. */
const calmMs = 2_000;

interface Kind {
  readonly station: StationName;
  readonly rttMs: number;
  readonly watch: (scene: Scene, address: string, rttMs: number) => Promise<Outage | Heard>;
}
/** What downlink.ts tells. */
type Heard = Pick<Outage, 'ms' | 'replies' | 'ended'>;

async function downlink({ lab }: Scene, mode: string, ...rest: readonly string[]): Promise<Heard> {
  const argv = [process.execPath, program('downlink'), mode, ...rest];
  const { stdout } = await lab.exec('client', argv, { timeoutMs: (watchSeconds + 30) * 1_000 });
  return JSON.parse(stdout) as Heard;
}

const outward: Kind['watch'] = ({ lab }, from, rttMs) =>
  outageDuring(lab, 'client', host4, { seconds: watchSeconds, from, rttMs });

async function listening(scene: Scene, address: string): Promise<Heard> {
  const port = String(heardPort);
  // Longer than is listened.
  const send = [process.execPath, program('downlink'), 'send', address, port, String(watchSeconds + 2)];
  const [, heard] = await Promise.all([
    scene.lab.exec('host', send, { timeoutMs: (watchSeconds + 30) * 1_000 }),
    downlink(scene, 'hear', address, port, String(watchSeconds)),
  ]);
  return heard;
}

const kinds = {
  sender: { station: 'near', rttMs: 0, watch: outward },
  inward: { station: 'near', rttMs: 0, watch: ({ lab }, address) => outageDuring(lab, 'host', address, watchSeconds) },
  listener: { station: 'listener', rttMs: 0, watch: listening },
  tcp_push: {
    station: 'near',
    rttMs: 0,
    watch: (scene, address) => downlink(scene, 'tcp', host4, servedPort, String(watchSeconds), address),
  },
  udp_downlink: {
    station: 'near',
    rttMs: 0,
    watch: (scene, address) => downlink(scene, 'udp', host4, servedPort, String(watchSeconds), address),
  },
  rtt_150: { station: 'far150', rttMs: 150, watch: outward },
  rtt_600: { station: 'far600', rttMs: 600, watch: outward },
} as const satisfies Readonly<Record<string, Kind>>;
type KindName = keyof typeof kinds;
const names = Object.keys(kinds) as readonly KindName[];

/** Milliseconds that each tunnel is predicted to be away in the mean, by id. */
async function predicted({ client }: Scene, node: Member): Promise<ReadonlyMap<string, number>> {
  const { tunnels } = await client.at(node).explain.explainFailure({ node });
  return new Map(tunnels.map(({ tunnelId, expectedMs }) => [tunnelId, expectedMs ?? Number.NaN]));
}

interface Death {
  readonly outages: Readonly<Record<KindName, number>>;
  readonly expected: Readonly<Record<KindName, number>>;
}

async function death(scene: Scene): Promise<Death> {
  const { lab, stations } = scene;
  const [active] = await settled(scene);
  const expectedOf = await predicted(scene, active);
  const watched = Promise.all(
    names.map(async (name) => {
      const { station, rttMs, watch }: Kind = kinds[name];
      return [name, await watch(scene, stations[station].address, rttMs)] as const;
    }),
  );
  await realClock.sleep(calmMs);
  await killNode(lab, active);
  const heard = await watched;
  await startNode(lab, active);
  const nothing = heard.find(([, { replies }]) => replies === 0);
  if (nothing !== undefined) throw new Error(`${nothing[0]} heard nothing before the death either`);
  return {
    outages: Object.fromEntries(heard.map(([name, { ms }]) => [name, ms])) as Death['outages'],
    expected: Object.fromEntries(
      names.map((name) => [name, expectedOf.get(stations[kinds[name].station].tunnelId) ?? Number.NaN]),
    ) as Death['expected'],
  };
}

function figuresOf(deaths: readonly Death[]): Figures {
  const figures: Record<string, Figures[string]> = {};
  for (const name of names) {
    const { rttMs }: Kind = kinds[name];
    const times = deaths.map(({ outages }) => outages[name]);
    const ratios = deaths.map(({ outages, expected }) => outages[name] / expected[name]);
    figures[`${name}_median_ms`] = figure(median(times), 'ms', `<= ${400 + 2.5 * rttMs}`, times);
    figures[`${name}_worst_ms`] = figure(Math.max(...times), 'ms', rttMs === 0 ? '<= 1000' : '', times);
    figures[`${name}_by_predicted`] = figure(median(ratios), 'ratio', '', ratios);
  }
  return figures;
}

export async function deaths(scene: Scene, runs: number, say: (line: string) => void): Promise<Figures> {
  const all: Death[] = [];
  for (let left = runs; left > 0; left -= 1) {
    const one = await death(scene);
    all.push(one);
    const told = names.map((name) => `${name} ${one.outages[name]} ms (${one.expected[name]})`);
    say(`death of the active node, and as predicted: ${told.join(', ')}`);
  }
  return figuresOf(all);
}
