import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { expect, test } from 'vitest';
import { PopKind } from '#internal/gen/pop44/store/v1/records_pb.ts';
import { UpdatePopRequestSchema } from '#internal/gen/pop44/v1/fabric_pb.ts';
import type { Snapshot } from '#internal/model/model.ts';
import { context, decisionOf, popOf } from '#internal/testkit/fabric-requests.ts';
import { createLedger } from '#internal/testkit/ledger.ts';
import { pairSnapshot } from '#internal/testkit/pair.ts';
import { altered, changed, createIn } from '#internal/testkit/tunnel-requests.ts';
import { updatePop } from './command.ts';

const regional = altered('pop', 'p3', { kind: PopKind.REGIONAL });
const without = (...ids: readonly string[]): Snapshot =>
  changed(regional, ...ids.map((id) => ({ kind: 'interconnect', id }) as const));
const placed = (outcome: unknown): unknown =>
  (outcome as { readonly response: { readonly tunnel: { readonly popIds: unknown } } }).response.tunnel.popIds;
const update = (snapshot: Snapshot, rest: MessageInitShape<typeof UpdatePopRequestSchema>) =>
  updatePop(snapshot, create(UpdatePopRequestSchema, { pop: 'p3', ...rest }), context);

const cure = 'pop44 interconnect create p3 and a node of a CORE, or pop44 pop update p3 --single-homed';

test('a REGIONAL with interconnects to two COREs carries tunnels [N2]', () => {
  expect(placed(createIn(regional))).toEqual(['p1', 'p2', 'p3']);
  expect(placed(createIn(regional, { popIds: ['p3'] }))).toEqual(['p3']);
});

test.each([
  { ids: ['p2-p3'], field: 'tunnel.pop_ids', wanted: { popIds: ['p1', 'p3'] }, count: 1 },
  { ids: ['p1-p3', 'p2-p3'], field: 'tunnel.pop_ids', wanted: { popIds: ['p3'] }, count: 0 },
  { ids: ['p1-p3'], field: 'tunnel.home_pop_id', wanted: { homePopId: 'p3' }, count: 1 },
])('a REGIONAL with $count of them is refused tunnels: $field', ({ ids, field, wanted, count }) => {
  expect(createIn(without(...ids), wanted)).toMatchObject({
    refused: 'not-ready',
    message: `${field}: "p3" is a REGIONAL whose node p3 has ${count} of 2 interconnects with COREs (${cure})`,
  });
});

test('two interconnects with one CORE hang on one machine, and count once [N2]', () => {
  const short = without('p2-p3');
  const stored = short.interconnects.get('p1-p3');
  if (stored === undefined) throw new Error('p1-p3');
  const record = { ...stored.record, id: 'p1-p3-2' };
  const twice = changed(short, { kind: 'interconnect', id: record.id, stored: { ...stored, record } });
  expect(createIn(twice, { popIds: ['p3'] })).toMatchObject({
    refused: 'not-ready',
    message: expect.stringContaining('has 1 of 2 interconnects') as unknown,
  });
});

test('tunnels that name no PoP stay off a REGIONAL that is not ready, unless it is the home', () => {
  const short = without('p2-p3');
  expect(placed(createIn(short))).toEqual(['p1', 'p2']);
  expect(createIn(short, {}, { localPopId: 'p3' })).toMatchObject({ refused: 'not-ready' });
});

test('what is no CORE in force does not count: another REGIONAL, a node that was revoked', () => {
  const kind = { kind: PopKind.REGIONAL };
  const p2 = [...altered('pop', 'p2', kind).pops].filter(([id]) => id === 'p2');
  const two = changed(regional, ...p2.map(([id, stored]) => ({ kind: 'pop', id, stored }) as const));
  expect(createIn(two, { popIds: ['p3'] })).toMatchObject({ refused: 'not-ready' });
  const revokedAt = timestampFromDate(context.now);
  const stored = altered('node', 'p2', { revokedAt }).nodes.get('p2');
  const revoked = changed(regional, { kind: 'node', id: 'p2', ...(stored && { stored }) });
  // What was counted before for the same interconnects is not what counts now.
  expect(placed(createIn(regional, { popIds: ['p3'] }))).toEqual(['p3']);
  expect(createIn(revoked, { popIds: ['p3'] })).toMatchObject({ refused: 'not-ready' });
});

test('each node of a REGIONAL needs its own two; without a node nobody is there', () => {
  const stored = regional.pops.get('p3');
  const pair = changed(pairSnapshot(), { kind: 'pop', id: 'p3', ...(stored && { stored }) });
  expect(createIn(pair, { popIds: ['p3'] })).toMatchObject({
    refused: 'not-ready',
    message: expect.stringContaining('node p4 has 0 of 2 interconnects') as unknown,
  });
  expect(createIn(changed(regional, { kind: 'node', id: 'p3' }), { popIds: ['p3'] })).toMatchObject({
    refused: 'not-ready',
    message: 'tunnel.pop_ids: "p3" is a REGIONAL without a node (pop44 node token create NAME --pop p3)',
  });
});

test('an admin who knows that there is one way says so, and takes it back', () => {
  const ledger = createLedger(without('p2-p3'));
  ledger.commit(decisionOf(update(ledger.snapshot, { singleHomed: true })));
  expect(ledger.snapshot.pops.get('p3')?.record.singleHomed).toBe(true);
  expect(placed(createIn(ledger.snapshot, { popIds: ['p3'] }))).toEqual(['p3']);
  ledger.commit(decisionOf(update(ledger.snapshot, { singleHomed: false })));
  expect(createIn(ledger.snapshot, { popIds: ['p3'] })).toMatchObject({ refused: 'not-ready' });
});

test.each([
  [
    'required',
    () => update(regional, {}),
    'pop: "p3" is given nothing to change (single_homed, endpoint_mode, gateway4, gateway6 or anycast_group)',
  ],
  [
    'not-found',
    () => update(regional, { pop: 'p9', singleHomed: true }),
    'pop: "p9" is no PoP of this network (one that exists)',
  ],
  [
    'invalid',
    () => update(regional, { pop: 'p1', singleHomed: true }),
    'pop.single_homed: "true" is for a REGIONAL alone (leave it out)',
  ],
  ['stale-etag', () => update(regional, { singleHomed: true, change: { etag: '999' } }), undefined],
  ['invalid', () => popOf({ singleHomed: true }), 'pop.single_homed: "true" is for a REGIONAL alone (leave it out)'],
] as const)('a PoP stays as it is: %s %#', (refused, outcome, message) => {
  expect(outcome()).toMatchObject({ refused, ...(message !== undefined && { message }) });
});
