// The judge of tunnels, readers, stations, logins and processes: a right story passes, and each law is broken once.

import { create } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { NodeSchema, TunnelSchema } from '#internal/gen/pop44/store/v1/records_pb.ts';
import type { DoneFault } from '../fault.ts';
import type { Attempt, History, Probe, Reading, Sample, Told } from '../history.ts';
import { digestOf } from './digest.ts';
import { ofParts } from './invariant.ts';
import { type Evidence, judge, judgeLab } from './judge.ts';
import { peersDigest } from './peers.ts';
import { growth } from './rest.ts';
import { type Story, tellStory } from './story.ts';

interface Scene {
  readonly story: Story;
  change?: Partial<Evidence>;
  readonly more: { -readonly [K in keyof History]?: History[K][number][] };
}

const put = (fields: object) =>
  ({
    op: 'put',
    kind: 'tunnel',
    id: 't1',
    record: create(TunnelSchema, { id: 't1', owner: 'ada', ...fields }),
  }) as const;

function change(story: Story, request: string, fields: object, sets: Readonly<Record<string, string>>): void {
  story.commit({ request, writes: [put(fields)] });
  story.attempt({ request, kind: 'update-tunnel', given: ['tunnel/t1'], sets });
}

const quietNs = 1e9;
const healedNs = 2e9;
const away = { fromNs: 10e9, toNs: 60e9 };
const sample = (atNs: number, more: Partial<Sample> = {}): Sample => ({
  ...{ node: 'p1', pid: 7, atNs, rssBytes: 1e8, files: 40, timers: 20 },
  ...more,
});

/** A ping a second, six of them, the last of which is on its way. */
const probe = (answered: readonly number[], everyMs = 1_000): Probe => ({
  ...{ direction: 'up', beganNs: 0, intervalMs: 1_000, sent: 6, answered },
  sentMs: answered.map((sequence) => sequence * everyMs),
});

const fault = (kind: string, at: number, restedAt: number): DoneFault<string> => ({
  ...{ kind, target: 'p1', at, durationMs: 500, healedAt: at + 500, restedAt },
});

/** What the node p1 tells its privileged half, when it has heard of everything. */
const told = (change: (peers: Map<string, string>) => void = () => {}): Told => {
  const peers = new Map([
    ['k2', '2001:db8::/64 44.32.0.2/32'],
    ['k3', ''],
  ]);
  change(peers);
  return { node: 'p1', revision: 104n, atNs: 5, peers: peers.size, digest: peersDigest(peers) };
};

/** What a reader is handed that has read everything by itself, in two batches. */
function readings(story: Story): readonly Reading[] {
  const events = story.events.filter(({ key }) => key.startsWith('/pop44/v1/'));
  const last = story.events.at(-1)?.revision ?? 0n;
  const middle = events[0]?.revision ?? 0n;
  const batch = (from: bigint, revision: bigint): Reading => {
    const own = events.filter((event) => event.revision > from && event.revision <= revision);
    return { reader: 'r', relisted: false, from, revision, events: own.length, digest: digestOf(own) };
  };
  return [batch(100n, middle), batch(middle, last)];
}

function faultless(): Scene {
  const story = tellStory();
  story.commit({ request: 'new', writes: [put({ mtu: 1_400, name: 'a' })] });
  story.attempt({ request: 'new', kind: 'create-tunnel', given: ['tunnel/t1'] });
  // Carried by the node p1, with its key and with the next.
  const carried = { id: 't2', enabled: true, publicKey: 'k2', nextPublicKey: 'k3', placement: { popIds: ['pop1'] } };
  story.commit({
    request: 'carried',
    writes: [
      { op: 'put', kind: 'node', id: 'p1', record: create(NodeSchema, { id: 'p1', popId: 'pop1' }) },
      {
        ...{ op: 'put', kind: 'tunnel', id: 't2' },
        record: create(TunnelSchema, {
          ...carried,
          prefixes: [{ prefix: '44.32.0.2/32' }, { prefix: '2001:db8::/64' }],
        }),
      },
    ],
  });
  change(story, 'mtu', { mtu: 1_300, name: 'a' }, { mtu: '1300' });
  change(story, 'name', { mtu: 1_300, name: 'b' }, { name: 'b' });
  const more = {
    looks: [],
    folds: [
      { node: 'p1', pid: 1, revision: 101n, atNs: 1 },
      { node: 'p1', pid: 1, revision: 102n, atNs: 2 },
    ],
    told: [told()],
    readings: [...readings(story)],
    visits: [
      { tunnel: 't1', node: 'p1', atNs: 1 },
      { tunnel: 't1', node: 'p2', atNs: 2 },
    ],
    sights: [{ node: 'p3', tunnel: 't1', holder: 'p2' }],
    logins: [
      { node: 'p1', login: 'mtu', ends: [], good: true },
      { node: 'p1', login: 'mtu', ends: ['other', 'name'], good: false },
    ],
    probes: [probe([1, 2, 3, 4, 5])],
    holdings: [{ what: 'records' as const, node: 'p1', atMs: 5, afterMs: 1, problem: '' }],
    samples: [sample(0), sample(3e9), sample(20e9), sample(30e9)],
  };
  story.look('p1', 'ada');
  return { story, more };
}

const evidenceOf = ({ story, more, change = {} }: Scene): Evidence => {
  const evidence = story.evidence(more);
  const history = { ...evidence.history, looks: [...evidence.history.looks, ...(more.looks ?? [])] };
  return { ...evidence, history, quietNs, healedNs, away, ...change };
};

/** A fault that may cost packets goes on from 1.5 s to 2.5 s, one that may not from 3.5 s to 4.5 s. */
const probing = {
  ...{ beganNs: 0, untouched: new Set(['quorum-away']) },
  faults: [fault('wireguard-killed', 1_500, 2_500), fault('quorum-away', 3_500, 4_500)],
};

/** Both judges: of a cluster, and of a lab. */
const judged = (evidence: Evidence) => [
  ...judge(evidence).filter(({ name }) => !['untouched', 'data-plane'].includes(name)),
  ...judgeLab(evidence, probing).filter(({ name }) => ['untouched', 'data-plane'].includes(name)),
];

const broken = (evidence: Evidence): readonly string[] =>
  judged(evidence).flatMap(({ name, violations }) => (violations > 0 && name in ofParts ? [name] : []));

test('a faultless story has no violation, and every part was looked at', () => {
  expect(broken(evidenceOf(faultless()))).toEqual([]);
  const unseen = judged(evidenceOf(faultless())).filter(({ name, checks }) => name in ofParts && checks === 0);
  expect(unseen).toEqual([]);
});

const lastReading = ({ more }: Scene, with_: (reading: Reading) => Reading): void => {
  const last = more.readings?.pop();
  if (last !== undefined) more.readings?.push(with_(last));
};

const look = { node: 'p1', pid: 1, kind: 'allocation', owner: 'ada', stale: false, atNs: 9, etags: new Map() } as const;

/** Asked when etcd has been away for long. */
const whileAway = (story: Story, parts: Partial<Attempt>): void =>
  story.attempt({
    ...{ request: 'name', kind: 'update-tunnel', outcome: 'unavailable', reason: 'unavailable', invokedNs: 30e9 },
    ...{ returnedNs: 31e9, revision: story.events.at(-1)?.revision ?? 0n, repeated: true, given: ['tunnel/t1'] },
    ...parts,
  });

const planted: readonly (readonly [string, keyof typeof ofParts, (scene: Scene) => void])[] = [
  ['a daemon that goes back', 'forward', ({ more }) => more.looks?.push({ ...look, revision: 100n })],
  [
    'a daemon that says so itself',
    'forward',
    ({ more }) => more.folds?.push({ node: 'p1', pid: 1, revision: 101n, atNs: 3 }),
  ],
  ['a peer that nobody took away', 'peers', ({ more }) => more.told?.push(told((peers) => peers.set('k1', '')))],
  ['a peer that is not told', 'peers', ({ more }) => more.told?.push(told((peers) => peers.delete('k3')))],
  ['a peer with other addresses', 'peers', ({ more }) => more.told?.push(told((peers) => peers.set('k2', 'any')))],
  [
    'a change that a reader misses',
    'watch',
    (scene) => lastReading(scene, (last) => ({ ...last, events: 0, digest: '' })),
  ],
  ['another value for a reader', 'watch', (scene) => lastReading(scene, (last) => ({ ...last, digest: 'other' }))],
  ['a reader that goes back', 'watch', ({ more }) => more.readings?.push(...(more.readings ?? []).slice(0, 1))],
  [
    'a list that lacks a record',
    'watch',
    ({ story, more }) => {
      const revision = story.events.at(-1)?.revision ?? 0n;
      more.readings?.push({ reader: 's', relisted: true, from: 0n, revision, events: 0, digest: digestOf([]) });
    },
  ],
  [
    'a change that undoes another',
    'tunnel-life',
    ({ story }) => change(story, 'undo', { mtu: 1_400, name: 'c' }, { name: 'c' }),
  ],
  [
    'a change that is not made',
    'tunnel-life',
    ({ story }) => change(story, 'lazy', { mtu: 1_300, name: 'b' }, { name: 'd' }),
  ],
  [
    'a tunnel that goes by itself',
    'tunnel-life',
    ({ story }) => story.commit({ request: 'gone', writes: [{ op: 'delete', kind: 'tunnel', id: 't1' }] }),
  ],
  ['two holders', 'one-holder', ({ more }) => more.sights?.push({ node: 'p1', tunnel: 't1', holder: 'p1' })],
  [
    'a login that is lost',
    'login',
    ({ more }) => more.logins?.push({ node: 'p1', login: 'mtu', ends: [], good: false }),
  ],
  [
    'a login that does not end',
    'login',
    ({ more }) => more.logins?.push({ node: 'p1', login: 'mtu', ends: ['other', 'name'], good: true }),
  ],
  [
    'a secret in a log',
    'no-secret',
    (scene) => {
      scene.change = { secrets: { places: 3, found: ['p1-daemon: key'] } };
    },
  ],
  ['a write that is granted by nobody', 'away', ({ story }) => whileAway(story, { outcome: 'ok', repeated: false })],
  ['an answer that takes too long', 'away', ({ story }) => whileAway(story, { returnedNs: 33e9 })],
  [
    'old things shown as new',
    'away',
    ({ more }) => more.looks?.push({ ...look, revision: 200n, stale: false, atNs: 20e9 }),
  ],
  ['a packet that nothing has cost', 'untouched', ({ more }) => more.probes?.push(probe([2, 3, 4, 5]))],
  ['a packet that etcd has cost', 'untouched', ({ more }) => more.probes?.push(probe([1, 2, 3, 5]))],
  [
    'a node without a peer',
    'data-plane',
    ({ more }) => more.holdings?.push({ what: 'records', node: 'p1', atMs: 9, afterMs: 5, problem: 'no peer' }),
  ],
  ['memory that grows meanwhile', 'away', ({ more }) => more.samples?.push(sample(40e9, { rssBytes: 1.3e8 }))],
  ...(['rssBytes', 'files', 'timers'] as const).map(
    (what) =>
      [
        `${what} that grow`,
        'bounded',
        ({ more }: Scene) => {
          const grown = { [what]: (sample(0)[what] ?? 0) + 2 * growth[what] };
          more.samples?.splice(1, Infinity, sample(4e9, grown), sample(5e9, grown));
        },
      ] as const,
  ),
];

test.each(planted)('%s is found', (_, name, plant) => {
  const scene = faultless();
  plant(scene);
  expect(broken(evidenceOf(scene))).toEqual([name]);
});

test('a packet that is lost to what may cost packets breaks nothing', () => {
  const scene = faultless();
  scene.more.probes?.push(probe([1, 3, 4, 5]));
  expect(broken(evidenceOf(scene))).toEqual([]);
});

test('a packet is blamed on what went on when it was sent, however slow the pings were', () => {
  const scene = faultless();
  // The fourth of one a second would fall to a fault that may cost nothing; sent each half second it was lost at 2 s.
  scene.more.probes?.push(probe([1, 2, 3, 5], 500));
  expect(broken(evidenceOf(scene))).toEqual([]);
});

test('every law was broken once', () => {
  expect(Object.keys(ofParts).filter((name) => !planted.some(([, each]) => each === name))).toEqual([]);
});

test('a next key that becomes the key by a handshake is no change of anybody', () => {
  const scene = faultless();
  const { story } = scene;
  change(story, 'rotate', { mtu: 1_300, name: 'b', nextPublicKey: 'k2' }, { nextPublicKey: 'k2' });
  story.commit({
    request: '',
    principal: 'node/p1',
    withoutOperation: true,
    writes: [put({ mtu: 1_300, name: 'b', publicKey: 'k2' })],
  });
  expect(broken(evidenceOf(scene))).toEqual([]);
});
