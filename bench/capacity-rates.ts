// Capacity rates: the largest number of tunnels that a node carries at a rate with at most 1 of 1,000 echoes lost, with everything
// on and bare.

import { eventually } from '#internal/testkit/eventually.ts';
import { classCount, onBare, onStatesAlone } from './bare.ts';
import { type CapacityScene, node, openTunnels, raiseCapacity } from './capacity-scene.ts';
import { largest } from './largest.ts';
import type { Loaded } from './load.ts';
import { lossesIn, lostSince } from './losses.ts';
import type { BenchOptions } from './main.ts';
import { nodeProcessor, othersProcessor } from './processors.ts';
import { type Curve, type Figures, figure, median, type Outcome, type Point } from './report.ts';
import { sameLoad } from './same-load.ts';

interface Rate {
  readonly name: string;
  readonly kbitPerSecond: number;
  readonly packetsPerSecond: number;
  /** Of the IP packet. */
  readonly bytes: number;
  /** The first try, and more than any node of one processor carries. */
  readonly first: number;
  readonly most: number;
}

/** G.711 in packets of 20 ms: 160 bytes and the headers of RTP, UDP and IP (RFC 3551 4.5.14). */
const voice: Rate = { name: 'voice', kbitPerSecond: 64, packetsPerSecond: 50, bytes: 200, first: 300, most: 700 };
const bulkBytes = 1_200;
const bulk = (name: string, kbitPerSecond: number, first: number, most: number): Rate => {
  const packetsPerSecond = (kbitPerSecond * 1_000) / 8 / bulkBytes;
  return { name, kbitPerSecond, packetsPerSecond, bytes: bulkBytes, first, most };
};
const megabit = bulk('megabit', 1_000, 150, 500);
const rates: readonly Rate[] = [voice, bulk('quarter', 250, 200, 700), megabit, bulk('four', 4_000, 20, 100)];

/** Of all echoes. */
const mostLost = 0.001;
/** From which on a second try is of no use. */
const hopeless = 0.05;
/** Above it the clients did not send what they should have. */
const mostSlow = 1.02;
const tryMs = 4_000;
/** Longer than from one full comparison of the node to the next, 10 s. */
const confirmMs = 12_000;
const warm = { tunnels: 50, packetsPerSecond: 50, bytes: 200, ms: tryMs };
/** Each a step down. */
const mostConfirms = 8;
/** Of the processors, to others on this machine: a try is worth nothing then. */
const mostForeign = 0.1;
const disturbedTries = 3;
const withinMs = 60_000;
const lossOf = ({ sent, received }: Loaded): number => 1 - received / sent;
const holds = (loaded: Loaded): boolean =>
  lossOf(loaded) <= mostLost && loaded.slowness <= mostSlow && loaded.unopened === 0;

interface Found {
  readonly tunnels: number;
  /** At that number. */
  readonly loaded: Loaded;
  /** All that was tried, by the number of tunnels. */
  readonly tried: readonly (readonly [tunnels: number, loaded: Loaded])[];
}

const percent = (share: number | undefined): string => `${(100 * (share ?? Number.NaN)).toFixed(0)} %`;
function told(tunnels: number, loaded: Loaded, lost: readonly string[]): string {
  const { busy, dropped, foreign, p50Ms, p99Ms, slowness } = loaded;
  return [
    `${tunnels} tunnels: ${(100 * lossOf(loaded)).toFixed(3)} % lost`,
    `${p50Ms.toFixed(1)} ms (99 %: ${p99Ms.toFixed(1)})`,
    `node ${percent(busy[nodeProcessor])}, clients ${percent(busy[othersProcessor])} busy`,
    ...(slowness > mostSlow ? [`clients too slow by ${percent(slowness - 1)}`] : []),
    ...(dropped > 0 ? [`clients dropped ${dropped}`] : []),
    ...(lost.length > 0 ? [`lost at ${lost.join(', ')}`] : []),
    ...(foreign > mostForeign ? [`others took ${percent(foreign)} of a processor`] : []),
  ].join(', ');
}

async function find(
  { lab, clients }: CapacityScene,
  { first, most, packetsPerSecond, bytes }: Rate,
  { quick, say }: BenchOptions,
): Promise<Found> {
  const tried: [number, Loaded][] = [];
  const once = async (tunnels: number, ms: number, left = disturbedTries): Promise<Loaded> => {
    await clients.connect(tunnels);
    const before = await lossesIn(lab);
    const loaded = await clients.load({ tunnels, packetsPerSecond, bytes, ms });
    say(`    ${told(tunnels, loaded, lostSince(before, await lossesIn(lab)))}`);
    if (loaded.foreign > mostForeign && left > 1 && !holds(loaded)) return once(tunnels, ms, left - 1);
    tried.push([tunnels, loaded]);
    return loaded;
  };
  const twice = async (tunnels: number, ms: number): Promise<Loaded> => {
    const loaded = await once(tunnels, ms);
    // What else runs on this machine disturbs it now and then.
    return holds(loaded) || lossOf(loaded) >= hopeless ? loaded : once(tunnels, ms);
  };
  const carries = async (tunnels: number): Promise<boolean> => holds(await twice(tunnels, tryMs));
  const { tries, within } = quick ? { tries: 6, within: 0.12 } : { tries: 10, within: 0.03 };
  let tunnels = await largest({ first, most, growth: 1.35, tries, within }, carries);
  for (let left = mostConfirms; ; left -= 1) {
    const loaded = await twice(tunnels, confirmMs);
    if (holds(loaded) || left === 0) return { tunnels: holds(loaded) ? tunnels : 0, loaded, tried };
    tunnels = Math.floor(tunnels * (1 - within));
  }
}

/** A tunnel that has just come shares a slow default until it has its class (adr/0011). */
async function settle({ lab, clients }: CapacityScene, tunnels: number): Promise<void> {
  await clients.connect(tunnels);
  await eventually(async () => (await classCount(lab, node)) >= tunnels, withinMs);
  await clients.load(warm);
}

interface Pair {
  readonly full: Found;
  readonly bare: Found;
  /** With connection tracking, which no firewall that keeps states does without, and nothing else of ours. */
  readonly states: Found | undefined;
}

/** @param bareFirst one run so, the next otherwise: what came before must not favour one of them */
async function pairOf(scene: CapacityScene, rate: Rate, options: BenchOptions, bareFirst: boolean): Promise<Pair> {
  const full = (): Promise<Found> => {
    options.say(`  ${rate.kbitPerSecond} kbit/s, with everything`);
    return find(scene, rate, options);
  };
  const bare = (): Promise<Found> =>
    onBare(scene.lab, node, () => {
      options.say(`  ${rate.kbitPerSecond} kbit/s, bare`);
      return find(scene, rate, options);
    });
  const states = async (): Promise<Found | undefined> => {
    if (rate !== megabit || options.quick) return undefined;
    return onStatesAlone(scene.lab, node, () => {
      options.say(`  ${rate.kbitPerSecond} kbit/s, with connection tracking alone`);
      return find(scene, rate, options);
    });
  };
  if (!bareFirst) return { full: await full(), states: await states(), bare: await bare() };
  return { bare: await bare(), states: await states(), full: await full() };
}

const medianOf = (pairs: readonly Pair[], value: (pair: Pair) => number): number => median(pairs.map(value));

function figuresOf({ name }: Rate, pairs: readonly Pair[]): Figures {
  const full = pairs.map((pair) => pair.full.tunnels);
  const bare = pairs.map((pair) => pair.bare.tunnels);
  const ratios = full.map((tunnels, at) => tunnels / (bare[at] ?? Number.NaN));
  const of = (value: (loaded: Loaded) => number, unit: string) => {
    const samples = pairs.map((pair) => value(pair.full.loaded));
    return figure(median(samples), unit, '', samples);
  };
  const isVoice = name === voice.name;
  const tracked = pairs.flatMap(({ states, bare: { tunnels } }) =>
    states === undefined ? [] : [[states.tunnels, states.tunnels / tunnels] as const],
  );
  const ofTracked = (at: 0 | 1, unit: string) => {
    const samples = tracked.map((each) => each[at]);
    return figure(median(samples), unit, '', samples);
  };
  return {
    [isVoice ? 'active_64k_per_vcpu' : `${name}_per_vcpu`]: figure(
      median(full),
      'tunnels',
      isVoice ? '>= 400' : '',
      full,
    ),
    [`${name}_bare_per_vcpu`]: figure(median(bare), 'tunnels', '', bare),
    [name === megabit.name ? 'ratio_to_bare_at_1m' : `${name}_ratio_to_bare`]: figure(
      median(ratios),
      'ratio',
      name === megabit.name ? '>= 0.9' : '',
      ratios,
    ),
    ...(tracked.length === 0
      ? {}
      : {
          [`${name}_states_alone_per_vcpu`]: ofTracked(0, 'tunnels'),
          [`${name}_states_alone_ratio_to_bare`]: ofTracked(1, 'ratio'),
        }),
    [`${name}_p50_ms`]: of(({ p50Ms }) => p50Ms, 'ms'),
    [`${name}_p99_ms`]: of(({ p99Ms }) => p99Ms, 'ms'),
    [`${name}_lost_percent`]: of((loaded) => 100 * lossOf(loaded), '%'),
    [`${name}_node_busy`]: of(({ busy }) => 100 * (busy[nodeProcessor] ?? Number.NaN), '%'),
    [`${name}_clients_busy`]: of(({ busy }) => 100 * (busy[othersProcessor] ?? Number.NaN), '%'),
  };
}

/** Loss, latency and load by the number of tunnels, of the first run. */
function curvesOf({ kbitPerSecond }: Rate, { full, bare }: Pair): readonly Curve[] {
  const points = ({ tried }: Found, value: (loaded: Loaded) => number): readonly Point[] =>
    tried.map(([tunnels, loaded]) => [tunnels, value(loaded)] as const).sort(([a], [b]) => a - b);
  const both = (title: string, y: string, value: (loaded: Loaded) => number): Curve => ({
    title: `${title}, ${kbitPerSecond} kbit/s each way`,
    x: { label: 'tunnels on one vCPU', scale: 'linear' },
    y: { label: y, scale: 'linear' },
    series: [
      { name: 'with everything', points: points(full, value) },
      { name: 'bare WireGuard', points: points(bare, value) },
    ],
    bands: [],
  });
  return [
    both('Loss', 'echoes lost, %', (loaded) => 100 * lossOf(loaded)),
    both('Round trip, 99 %', 'ms', ({ p99Ms }) => p99Ms),
    both("Node's vCPU", 'busy, %', ({ busy }) => 100 * (busy[nodeProcessor] ?? 0)),
  ];
}

function tunnelsByRate(found: readonly (readonly [Rate, readonly Pair[]])[]): Curve {
  const points = (value: (pair: Pair) => number): readonly Point[] =>
    found.map(([{ kbitPerSecond }, pairs]) => [kbitPerSecond, medianOf(pairs, value)] as const);
  return {
    title: 'Active tunnels one vCPU carries with at most 0.1 % lost',
    x: { label: 'each way, kbit/s', scale: 'log' },
    y: { label: 'tunnels', scale: 'log' },
    series: [
      { name: 'with everything', points: points(({ full }) => full.tunnels) },
      { name: 'bare WireGuard', points: points(({ bare }) => bare.tunnels) },
    ],
    // 30 to 250 on a machine of two.
    bands: [{ name: '30-250 tunnels on 2 vCPUs', from: 15, to: 125 }],
  };
}

async function workOf(scene: CapacityScene, { say }: BenchOptions): Promise<Figures> {
  const { name, kbitPerSecond, packetsPerSecond, bytes, first } = megabit;
  say(`  ${kbitPerSecond} kbit/s, the same load with everything and bare, by turns`);
  const shares = await sameLoad(scene, { tunnels: first, packetsPerSecond, bytes }, say);
  return { [`${name}_bare_work_of_all`]: figure(median(shares), 'ratio', '', shares) };
}

export async function capacityRates(options: BenchOptions): Promise<Outcome> {
  const { only, quick, runs, say } = options;
  const wanted = rates.filter(({ name }) =>
    only === undefined || only === 'rates' ? !quick || name === voice.name || name === megabit.name : name === only,
  );
  await using scene = await raiseCapacity(say);
  const most = Math.max(...wanted.map((rate) => rate.most));
  await using clients = await openTunnels(scene, most);
  await settle({ ...scene, clients }, most);
  const found: [Rate, Pair[]][] = [];
  for (const rate of wanted) {
    const pairs: Pair[] = [];
    for (let run = 0; run < runs; run += 1)
      pairs.push(await pairOf({ ...scene, clients }, rate, options, run % 2 === 1));
    found.push([rate, pairs]);
  }
  const figures = Object.assign({}, ...found.map(([rate, pairs]) => figuresOf(rate, pairs)), {
    ...(!quick && wanted.includes(megabit) ? await workOf({ ...scene, clients }, options) : {}),
  }) as Figures;
  const first = found[0];
  const curves = first?.[1][0] === undefined ? [] : curvesOf(first[0], first[1][0]);
  return { figures, curves: found.length > 1 ? [tunnelsByRate(found), ...curves] : curves };
}
