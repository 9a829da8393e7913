import { create } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Dataplane, emptyDataplane, itemKey, type MutableDataplane } from '#internal/dataplane/dataplane.ts';
import { desired, type Self } from '#internal/desired/desired.ts';
import { SuspensionSchema } from '#internal/gen/pop44/store/v1/records_pb.ts';
import type { Batch, RecordEvent } from '#internal/model/record.ts';
import type { Want } from '#internal/seam/seam.ts';
import { createStatus } from '#internal/status/status.ts';
import { deletionOf, fabricEvents, testKey, tunnelEvents } from '#internal/testkit/three-pops.ts';
import { createReconciler } from './reconcile.ts';

const self: Self = { nodeId: 'p1', accessKeyFile: '/keys/access', interconnectKeyFile: '/keys/interconnect' };
const quiet = { info: () => undefined, warn: () => undefined, error: () => undefined };
const nobody: ReadonlySet<string> = new Set();

/** A privileged half that keeps what it is told and answers when asked to. */
function rig() {
  const status = createStatus('p1');
  const saved: Batch[] = [];
  const sent: Want[] = [];
  const holds: { current: MutableDataplane } = { current: emptyDataplane() };
  const reconciler = createReconciler({
    self,
    status,
    log: quiet,
    disk: { append: async (batch) => void saved.push(batch) },
    send: (want) => {
      sent.push(want);
      if (want.whole) holds.current = emptyDataplane();
      for (const [kind, key] of want.remove) holds.current[kind].delete(key);
      for (const item of want.put) (holds.current[item[0]] as Map<string, unknown>).set(itemKey(item), item[1]);
    },
  });
  const answer = (): void => {
    const want = sent.at(-1);
    if (want !== undefined)
      reconciler.message({ type: 'applied', number: want.number, revision: want.revision, failing: 0, failures: [] });
  };
  let revision = 0n;
  const take = (events: readonly RecordEvent[], relisted = false): void => {
    revision += 1n;
    reconciler.take({ revision, relisted, events });
  };
  return { reconciler, status, saved, sent, holds, answer, take };
}

const up = (accessPeers = 0, tunnels = 0) => {
  const r = rig();
  r.reconciler.message({ type: 'hello', accessPeers });
  r.take([...fabricEvents(), ...Array.from({ length: tunnels }, (_, at) => tunnelEvents(at + 1, 1n)).flat()], true);
  r.answer();
  return r;
};

const wanted = (r: ReturnType<typeof rig>): Dataplane => desired(r.reconciler.snapshot(), self, nobody);

test('what was told, difference by difference, is the whole desired of the snapshot', () => {
  const numbers = fc.array(fc.record({ n: fc.integer({ min: 1, max: 12 }), add: fc.boolean(), answer: fc.boolean() }));
  fc.assert(
    fc.property(numbers, (commands) => {
      const r = up();
      for (const { n, add, answer } of commands) {
        const events = tunnelEvents(n, 5n);
        r.take(add ? events : deletionOf(events));
        if (answer) r.answer();
      }
      for (let turn = 0; turn < 3; turn += 1) r.answer();
      expect(r.status.own().held).toBe('');
      expect(r.holds.current).toEqual(wanted(r));
      expect(r.status.own().appliedRevision).toBe(r.reconciler.snapshot().revision);
    }),
    { numRuns: 60 },
  );
});

test('one tunnel more is a difference of its own parts, however many there are', () => {
  const r = up(0, 200);
  r.take(tunnelEvents(201, 9n));
  const last = r.sent.at(-1);
  expect(last?.whole).toBe(false);
  expect(last?.put.map(([kind]) => kind).sort()).toEqual(['element', 'element', 'peer']);
  expect(last?.remove).toEqual([]);
});

test('the revision is applied only when the privileged half says so', () => {
  const r = up();
  const before = r.status.own().appliedRevision;
  r.take(tunnelEvents(1, 2n));
  expect(r.status.own().appliedRevision).toBe(before);
  r.answer();
  expect(r.status.own().appliedRevision).toBe(r.reconciler.snapshot().revision);
});

test('a privileged half that was restarted is told everything again', () => {
  const r = up(0, 5);
  r.reconciler.lost();
  r.holds.current = emptyDataplane();
  r.reconciler.message({ type: 'hello', accessPeers: 5 });
  r.answer();
  expect(r.sent.at(-1)?.whole).toBe(true);
  expect(r.holds.current).toEqual(wanted(r));
});

test.each([
  ['an emptied store', (r: ReturnType<typeof rig>) => r.take([], true), 'no network record'],
  [
    'a store of another network',
    (r: ReturnType<typeof rig>) =>
      r.take(
        fabricEvents(3n).map((event) => {
          if (event.kind !== 'network' || event.stored === undefined) return event;
          return { ...event, stored: { ...event.stored, record: { ...event.stored.record, uid: 'b'.repeat(32) } } };
        }),
        true,
      ),
    'belongs to another network',
  ],
  [
    'all tunnels deleted in one transaction',
    (r: ReturnType<typeof rig>) =>
      r.take(deletionOf(Array.from({ length: 30 }, (_, at) => tunnelEvents(at + 1, 1n)).flat())),
    '30 of 30 peers',
  ],
  [
    'all interconnects deleted in one transaction',
    (r: ReturnType<typeof rig>) => r.take(deletionOf(fabricEvents().filter((event) => event.kind === 'interconnect'))),
    'all 2 interconnects of this node',
  ],
])('the brake holds %s, keeps the disk as it was, and lets it through when told', (_, happen, reason) => {
  const r = up(0, 30);
  const peers = r.holds.current.peer.size;
  const saves = r.saved.length;
  happen(r);
  r.answer();
  expect(r.status.own().held).toContain(reason);
  expect(r.holds.current.peer.size).toBe(peers);
  expect(r.saved).toHaveLength(saves);
  expect(r.reconciler.release()).toContain(reason);
  r.answer();
  expect(r.status.own().held).toBe('');
  expect(r.saved).toHaveLength(saves + 1);
  expect(r.holds.current).toEqual(wanted(r));
});

/** Tunnel n of 20 with fields of its own. */
const changedTunnel = (n: number, fields: object, revision = 5n): readonly RecordEvent[] => {
  const events = tunnelEvents(n, revision).filter(({ kind }) => kind === 'tunnel');
  for (const { stored } of events) Object.assign(stored?.record ?? {}, fields);
  return events;
};
const keyOf = (n: number, tunnel: number): RecordEvent => {
  const [event] = tunnelEvents(n, 5n).filter(({ kind }) => kind === 'peerkey');
  if (event?.kind !== 'peerkey' || event.stored === undefined) throw new TypeError('no claim');
  event.stored.record.tunnelId = `t${tunnel}`;
  return event;
};
const several = [1, 2, 3, 4, 5, 6];

test('suspending some tunnels one after the other while a want is carried out is no accident [S2]', () => {
  const r = up(0, 20);
  r.take(changedTunnel(20, { mtu: 1400 }));
  for (const n of several) r.take(changedTunnel(n, { suspension: create(SuspensionSchema, { reason: 'spam' }) }));
  r.answer();
  expect(r.status.own().held).toBe('');
  expect(r.holds.current).toEqual(wanted(r));
});

test('suspending them all in one transaction, as no command does, is held', () => {
  const r = up(0, 20);
  const suspension = create(SuspensionSchema, { reason: 'spam' });
  r.take(several.flatMap((n) => changedTunnel(n, { suspension })));
  expect(r.status.own().held).toContain('6 of 20 peers');
});

test('keys that are rotated at the same time are no loss: a tunnel whose key is next has two peers and counts once [T6]', () => {
  const r = up(0, 20);
  const next = (n: number): string => testKey(100 + n);
  r.take(several.flatMap((n) => [...changedTunnel(n, { nextPublicKey: next(n) }), keyOf(100 + n, n)]));
  r.answer();
  expect([...r.holds.current.peer.values()].filter(({ successorOf }) => successorOf !== undefined)).toHaveLength(6);
  r.take(
    several.flatMap((n) => [
      ...changedTunnel(n, { publicKey: next(n) }, 6n),
      ...deletionOf(tunnelEvents(n, 5n).filter(({ kind }) => kind === 'peerkey')),
    ]),
  );
  r.answer();
  expect(r.status.own().held).toBe('');
  expect(r.holds.current).toEqual(wanted(r));
  expect(r.holds.current.peer.has(`p44w0 ${next(1)}`)).toBe(true);
});

test('a daemon that starts while the brake holds tells its last good snapshot, and holds on', () => {
  const r = rig();
  const events = [...fabricEvents(), ...Array.from({ length: 30 }, (_, at) => tunnelEvents(at + 1, 1n)).flat()];
  r.reconciler.load({ revision: 1n, relisted: true, events });
  r.take([], true);
  r.take([], true);
  r.reconciler.message({ type: 'hello', accessPeers: 30 });
  r.answer();
  expect([...r.holds.current.peer.values()].filter((peer) => peer.link === 'p44w0')).toHaveLength(30);
  expect(r.status.own().held).toContain('no network record');
  expect(r.saved).toHaveLength(0);
  r.reconciler.release();
  r.answer();
  expect(r.holds.current).toEqual(wanted(r));
});

const networkWith = (fields: object, revision = 3n): RecordEvent => {
  const network = fabricEvents(revision).find((event) => event.kind === 'network');
  if (network?.kind !== 'network' || network.stored === undefined) throw new TypeError('no network');
  return { ...network, stored: { ...network.stored, record: { ...network.stored.record, ...fields } } };
};

test('records that want a newer reader are not acted on, whoever confirms, until they do not any more', () => {
  const r = up(0, 3);
  const told = r.sent.length;
  r.take([networkWith({ minReaderVersion: 99 })]);
  expect(r.status.own().held).toContain('a reader of version 99');
  r.take(tunnelEvents(4, 4n));
  expect(r.reconciler.release()).toContain('a reader of version 99');
  expect(r.status.own().held).toContain('a reader of version 99');
  expect(r.sent).toHaveLength(told);
  r.take([networkWith({ minReaderVersion: 1 }, 5n)]);
  r.answer();
  expect(r.status.own().held).toBe('');
  expect(r.holds.current).toEqual(wanted(r));
});

test('a snapshot on disk that wants a newer reader is not acted on either', () => {
  const r = rig();
  r.reconciler.load({
    revision: 9n,
    relisted: true,
    events: [...fabricEvents(), networkWith({ minReaderVersion: 2 }), ...tunnelEvents(1, 1n)],
  });
  r.reconciler.message({ type: 'hello', accessPeers: 1 });
  expect(r.sent).toEqual([]);
  expect(r.status.own().held).toContain('a reader of version 2');
});

test.each([
  ['node', 'p1'],
  ['pop', 'p1'],
  ['realm', 'internet'],
] as const)('the brake holds a store that has lost the %s of this node, however few peers there are', (kind, id) => {
  const r = up(0, 1);
  r.take([{ kind, id } as RecordEvent]);
  expect(r.status.own().held).toContain('has lost this node');
  expect(r.holds.current.bird.size).toBe(2);
  r.reconciler.release();
  r.answer();
  expect(r.holds.current).toEqual(wanted(r));
});

test('a confirmation is good for what was held then, not for what comes next', () => {
  const r = up(0, 30);
  r.take([networkWith({ minReaderVersion: 99 })]);
  r.reconciler.release();
  r.take([networkWith({ minReaderVersion: 1 }, 5n)]);
  r.answer();
  r.take([], true);
  expect(r.status.own().held).toContain('no network record');
  r.reconciler.lost();
  r.reconciler.release();
  r.take([...fabricEvents(7n)], true);
  r.reconciler.message({ type: 'hello', accessPeers: 30 });
  r.answer();
  expect(r.status.own().held).toContain('30 of 30 peers');
});

test('tunnels stand again when the slab they lie in comes back alone', () => {
  const r = up(0, 5);
  const slab = fabricEvents(6n).find((event) => event.kind === 'slab' && event.id.startsWith('4-'));
  if (slab === undefined) throw new TypeError('no slab');
  r.take([{ kind: slab.kind, id: slab.id } as RecordEvent]);
  r.answer();
  r.take([slab]);
  r.answer();
  expect(r.status.own().held).toBe('');
  expect(r.holds.current).toEqual(wanted(r));
  expect(r.holds.current).toEqual(up(0, 5).holds.current);
});

test('what is confirmed is told in full, however many transactions it came in', () => {
  const r = up(0, 30);
  for (const from of [1, 11, 21])
    r.take(deletionOf(Array.from({ length: 10 }, (_, at) => tunnelEvents(from + at, 1n)).flat()));
  expect(r.status.own().held).toContain('30 of 30 peers');
});

test('lists that come while the brake holds are not piled up for the disk', () => {
  const r = up(0, 30);
  const saves = r.saved.length;
  for (let at = 0; at < 5; at += 1) r.take([], true);
  r.reconciler.release();
  expect(r.saved).toHaveLength(saves + 1);
});

test('a store that comes back to what it was releases the brake by itself', () => {
  const r = up(0, 30);
  r.take([], true);
  expect(r.status.own().held).not.toBe('');
  r.take([...fabricEvents(7n), ...Array.from({ length: 30 }, (_, at) => tunnelEvents(at + 1, 7n)).flat()], true);
  r.answer();
  expect(r.status.own().held).toBe('');
  expect(r.holds.current).toEqual(wanted(r));
});

test('tunnels deleted one by one are no accident, even when they are told together', () => {
  const r = up(0, 12);
  r.take(tunnelEvents(13, 3n));
  for (let n = 1; n <= 12; n += 1) r.take(deletionOf(tunnelEvents(n, 1n)));
  r.answer();
  r.answer();
  expect(r.status.own().held).toBe('');
  expect(r.holds.current).toEqual(wanted(r));
});

test('peers found at the start are not removed because the first snapshot has none of them', () => {
  const r = up(40, 0);
  expect(r.sent).toEqual([]);
  expect(r.status.own().held).toContain('40 of 40 peers');
});

test('shares of paths change the text of BIRD and nothing else, and are told again to a half that was restarted', () => {
  const r = up(0, 3);
  const shares = new Map([['p44i-p1-p2', { weight: 4, detour: false }]]);
  const wants = r.sent.length;
  r.reconciler.shares(shares);
  expect(r.sent.slice(wants).map(({ put, remove }) => [put.map(itemKey), remove])).toEqual([[['pop'], []]]);
  r.answer();
  expect(r.holds.current).toEqual(desired(r.reconciler.snapshot(), { ...self, shares }, nobody));
  // Worth the same: nothing is told.
  r.reconciler.shares(new Map(shares));
  expect(r.sent).toHaveLength(wants + 1);
  r.reconciler.lost();
  r.reconciler.message({ type: 'hello', accessPeers: 3 });
  r.answer();
  expect(r.holds.current).toEqual(desired(r.reconciler.snapshot(), { ...self, shares }, nobody));
});
