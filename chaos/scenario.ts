// Scenario: traffic x faults x shape, by name. Each of the three can be given otherwise on the command line.

import { type LabFaultKind, labFaultKinds, labFaultTable } from './lab-fault.ts';
import { doableKinds, type FaultKind, faultKinds, faultTable, type Means } from './fault.ts';

/** Who asks: each is a part of the clients, all of them run beside each other. */
const trafficTable = {
  allocate: 'addresses, prefixes and blocks: allocated, released, delegated, reserved, frozen',
  tunnels: 'tunnels: created, changed by several at once, their keys rotated, deleted and brought back',
  people: 'accounts: signed up, verified by mail, approved, logged in and out, suspended',
  watch: 'readers that follow the store through the same paths as daemons do',
  moves: 'stations that shake hands at one PoP after another',
} as const satisfies Readonly<Record<string, string>>;

export type TrafficName = keyof typeof trafficTable;

/** When faults come: fault-schedule.ts. */
const shapeTable = {
  steady: 'several at once, on daemons, etcd, the paths, the store and clocks, with pauses',
  storm: 'the same with hardly a pause',
  single: 'one at a time, each with time to recover',
  calm: 'none',
} as const satisfies Readonly<Record<string, string>>;

export type ShapeName = keyof typeof shapeTable;

export interface Scenario {
  readonly what: string;
  readonly traffic: readonly TrafficName[];
  readonly faults: readonly FaultKind[];
  readonly shape: ShapeName;
  /** All traffic under all faults: a long run of it promises how much it does. */
  readonly whole?: true;
  /** One daemon runs the code of an older commit. */
  readonly skew?: true;
  /** It runs on a lab, which has a data plane, and these are its faults. */
  readonly lab?: readonly LabFaultKind[];
}

const ofReach = (...reaches: readonly string[]): readonly FaultKind[] =>
  faultKinds.filter((kind) => reaches.includes(faultTable[kind].reach));

export const scenarios = {
  allocate: {
    what: 'allocations through all daemons, while daemons, etcd and the paths between them fail',
    traffic: ['allocate'],
    faults: ofReach('daemon', 'member', 'path'),
    shape: 'steady',
  },
  tunnels: {
    what: 'the life of tunnels, each changed at several daemons at once',
    traffic: ['tunnels', 'watch'],
    faults: ofReach('daemon', 'member', 'path'),
    shape: 'steady',
  },
  people: {
    what: 'accounts and logins, whose mails go to the nodes',
    traffic: ['people', 'watch'],
    faults: ofReach('daemon', 'member', 'path'),
    shape: 'single',
  },
  moves: {
    what: 'stations between PoPs, while nodes do not hear each other',
    traffic: ['moves', 'tunnels'],
    faults: ofReach('daemon', 'member'),
    shape: 'steady',
  },
  etcd: {
    what: 'members lost, wiped, full and led by another; history cut off while a daemon is away',
    traffic: ['allocate', 'tunnels', 'watch'],
    faults: [...ofReach('member'), 'compaction'],
    shape: 'single',
  },
  clocks: {
    what: 'clocks of daemons that jump, or go too fast or too slow',
    traffic: ['allocate', 'tunnels', 'people'],
    faults: [...ofReach('clock'), 'daemon-kill', 'lease-revoked'],
    shape: 'steady',
  },
  poison: {
    what: 'records that nobody can read, and noise where calls are awaited',
    traffic: ['allocate', 'tunnels', 'watch'],
    faults: [...ofReach('store'), 'daemon-kill', 'compaction'],
    shape: 'steady',
  },
  skew: {
    what: 'one daemon of an older commit beside the new ones',
    traffic: ['allocate', 'tunnels', 'watch'],
    faults: ['daemon-kill', 'daemon-stop', 'cut-mesh', 'lease-revoked'],
    shape: 'steady',
    skew: true,
  },
  mixed: {
    what: 'all traffic at once under all faults',
    traffic: ['allocate', 'tunnels', 'people', 'watch', 'moves'],
    faults: faultKinds,
    shape: 'steady',
    whole: true,
  },
  'quorum-away': {
    what: 'etcd has no majority: packets go on, who reads is told that it is old, who writes is told at once',
    traffic: ['tunnels'],
    faults: [],
    shape: 'single',
    lab: ['quorum-away'],
  },
  'data-plane': {
    what: 'packets in both directions while BIRD, WireGuard and both halves are killed, packets lost, links half open',
    traffic: ['tunnels'],
    faults: [],
    shape: 'single',
    lab: labFaultKinds,
  },
} as const satisfies Readonly<Record<string, Scenario>>;

export type ScenarioName = keyof typeof scenarios;

export interface Changes {
  readonly traffic?: string;
  readonly faults?: string;
  readonly shape?: string;
}

/** @throws RangeError that names what there is */
export function scenarioNamed(name: string, { traffic, faults, shape }: Changes = {}): Scenario {
  const { whole, ...base }: Scenario = scenarios[oneOf('scenario', name, Object.keys(scenarios)) as ScenarioName];
  const several = (what: string, text: string, all: readonly string[]): readonly string[] =>
    text.split(',').map((each) => oneOf(what, each, all));
  return {
    ...base,
    ...(whole && traffic === undefined && faults === undefined && { whole }),
    ...(traffic && { traffic: several('traffic', traffic, Object.keys(trafficTable)) as readonly TrafficName[] }),
    ...(faults && { faults: several('fault', faults, faultKinds) as readonly FaultKind[] }),
    ...(shape && { shape: oneOf('shape', shape, Object.keys(shapeTable)) as ShapeName }),
  };
}

function oneOf(what: string, name: string, all: readonly string[]): string {
  if (!all.includes(name)) throw new RangeError(`no ${what} ${name}; there are ${all.join(', ')}`);
  return name;
}

/** What can be done with these means; each that cannot with the reason. */
export function split(
  faults: readonly FaultKind[],
  means: Means,
): { readonly kinds: readonly FaultKind[]; readonly left: readonly string[] } {
  const kinds = doableKinds(faults, means);
  const away = faults.filter((kind) => !kinds.includes(kind));
  return {
    kinds,
    left: away.map((kind) => `${kind}: ${faultTable[kind].reach === 'path' ? means.noToxiproxy : means.noFaketime}`),
  };
}

/** For `--list`. */
export function listing(): string {
  const table = (rows: Readonly<Record<string, string>>): string =>
    Object.entries(rows)
      .map(([name, what]) => `  ${name.padEnd(18)} ${what}\n`)
      .join('');
  const byName = Object.fromEntries(
    Object.entries<Scenario>(scenarios).map(([name, { what, traffic, shape, lab }]) => [
      name,
      lab === undefined ? `${what} (${traffic.join('+')}, ${shape})` : `${what} (on a lab)`,
    ]),
  );
  const faults = Object.fromEntries(faultKinds.map((kind) => [kind, faultTable[kind].what]));
  const labFaults = Object.fromEntries(labFaultKinds.map((kind) => [kind, labFaultTable[kind].what]));
  return [
    `scenarios\n${table(byName)}  mutants            the same, briefly, once for each fault that is put into our own code: each must be found\n`,
    `traffic (--traffic A,B)\n${table(trafficTable)}`,
    `faults (--faults A,B)\n${table(faults)}`,
    `faults of a lab, one at a time\n${table(labFaults)}`,
    `shapes (--shape A)\n${table(shapeTable)}`,
  ].join('\n');
}
