import { clone } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { desired, type Here, type Self } from '#internal/desired/desired.ts';
import { PoolSchema, PopSchema, TunnelSchema } from '#internal/gen/pop44/store/v1/records_pb.ts';
import { fold, type Snapshot } from '#internal/model/model.ts';
import type { RecordEvent, Write } from '#internal/model/record.ts';
import { plan, stepLine } from '#internal/plan/plan.ts';
import { deletionOf, threePops, tunnelEvents } from '#internal/testkit/three-pops.ts';
import { type Forecast, forecast } from './forecast.ts';

const self: Self = { nodeId: 'p1', accessKeyFile: '/keys/access', interconnectKeyFile: '/keys/interconnect' };
const nobody: Here = new Set();

function writesOf(events: readonly RecordEvent[]): readonly Write[] {
  return events.map((event) =>
    event.stored === undefined
      ? { op: 'delete', kind: event.kind, id: event.id }
      : ({ op: 'put', kind: event.kind, id: event.id, record: event.stored.record } as Write),
  );
}

function told(
  snapshot: Snapshot,
  events: readonly RecordEvent[],
  { holder, most = Infinity }: { readonly holder?: string; readonly most?: number } = {},
): Forecast & { pieces: number } {
  const here: Here = { has: () => holder === 'p1' };
  const made = forecast(snapshot, { writes: writesOf(events) }, { self, here, holderOf: () => holder });
  for (let pieces = 0; ; pieces += 1) {
    const piece = made.next(pieces > most);
    if (piece.done === true) return { ...piece.value, pieces };
  }
}

const recordOf = <T>(stored: { readonly record: T } | undefined): T => {
  if (stored === undefined) throw new TypeError('not there');
  return stored.record;
};
const start = threePops(3);
const popWith = (id: string, change: object): RecordEvent => ({
  kind: 'pop',
  id,
  stored: { revision: 9n, record: Object.assign(clone(PopSchema, recordOf(start.pops.get(id))), change) },
});
const tunnelWith = (id: string, change: object): RecordEvent => ({
  kind: 'tunnel',
  id,
  stored: { revision: 9n, record: Object.assign(clone(TunnelSchema, recordOf(start.tunnels.get(id))), change) },
});

test('a tunnel that is created is a peer and its elements on every node that carries it, and nothing else', () => {
  const { nodes, unseen } = told(start, tunnelEvents(4, 9n));
  expect(nodes.map(({ nodeId }) => nodeId)).toEqual(['p1', 'p2', 'p3']);
  expect(unseen).toBe(0);
  for (const { steps, more } of nodes) {
    expect(steps.some((step) => step.startsWith('+ peer p44w0 '))).toBe(true);
    expect(steps.every((step) => /^\+ (peer|element|route) /.test(step))).toBe(true);
    expect(more).toBe(0);
  }
  const placed = tunnelWith('t1', { placement: { popIds: ['p2'] } });
  const away = told(start, [placed]).nodes;
  expect(away.map(({ nodeId }) => nodeId)).toEqual(['p1', 'p3']);
  for (const { steps } of away) expect(steps.every((step) => step.startsWith('- '))).toBe(true);
});

test('what nothing follows from has no plan', () => {
  expect(told(start, [tunnelWith('t1', { name: 'other' })])).toMatchObject({ nodes: [], unseen: 0 });
  expect(told(start, []).nodes).toEqual([]);
});

test('where a tunnel lives, its change is planned as it is there', () => {
  const moved = tunnelWith('t1', { enabled: false });
  const routesAt = (holder: string): readonly string[] =>
    told(start, [moved], { holder }).nodes.flatMap(({ nodeId, steps }) =>
      steps.some((step) => step.startsWith('- route ')) ? [nodeId] : [],
    );
  // At home the slab's route leads to it.
  expect(routesAt('p1')).toEqual([]);
  expect(routesAt('p3')).toEqual(['p3']);
});

test('out of time it ends with what it has, and says what it has not', () => {
  const { nodes, unseen } = told(start, tunnelEvents(4, 9n), { most: 1 });
  expect([nodes.map(({ nodeId }) => nodeId), unseen]).toEqual([['p1'], 2]);
});

const change = fc.constantFrom<readonly RecordEvent[]>(
  tunnelEvents(4, 9n),
  deletionOf(tunnelEvents(1, 9n)),
  [tunnelWith('t2', { enabled: false })],
  [popWith('p1', { endpoint4: '198.18.200.77' })],
  [popWith('p2', { endpointPort: 4_500 })],
  [{ kind: 'interconnect', id: 'p1-p2' }],
  [{ kind: 'node', id: 'p3' }],
  [{ kind: 'upstream', id: 'p1-pop' }],
);
test('of the node that is asked the plan is the one between the two desired, whatever is decided', () => {
  fc.assert(
    fc.property(fc.array(change, { minLength: 1, maxLength: 3 }), (changes) => {
      const events = changes.flat();
      const after = fold(start, { revision: 3n, relisted: false, events }).snapshot;
      const steps = plan(desired(after, self, nobody), desired(start, self, nobody)).map(stepLine);
      const own = told(start, events).nodes.find(({ nodeId }) => nodeId === 'p1');
      expect(own?.steps ?? []).toEqual(steps.slice(0, 100));
      expect(own?.more ?? 0).toBe(Math.max(0, steps.length - 100));
    }),
    { numRuns: 40 },
  );
});

test('more than can be told is counted, more than is worth the work is said to be left out, and others run meanwhile', () => {
  const many = threePops(250);
  const gone: RecordEvent = {
    kind: 'pool',
    id: '4-2c1f0000-22',
    stored: {
      revision: 9n,
      record: Object.assign(clone(PoolSchema, recordOf(many.pools.get('4-2c1f0000-22'))), { realmId: 'hamnet' }),
    },
  };
  const { nodes, unseen, pieces } = told(many, [gone]);
  expect(nodes[0]).toMatchObject({ nodeId: 'p1', more: expect.any(Number) as number });
  expect(nodes[0]?.steps).toHaveLength(100);
  expect(nodes[0]?.more).toBeGreaterThan(250);
  expect(unseen).toBe(0);
  expect(pieces).toBeGreaterThan(3);
  // As if there were ten times the tunnels: three nodes with 2,500 are more than 2,000 pairs.
  const tunnels = many.tunnels.asMutable();
  for (let n = 0; n < 2_250; n += 1) tunnels.set(`x${n}`, { revision: 1n, record: recordOf(many.tunnels.get('t1')) });
  expect(told({ ...many, tunnels: tunnels.asImmutable() }, [gone]).unseen).toBe(3 * 2_500 - 2_000);
});
