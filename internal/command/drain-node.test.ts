import { clone, create } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { isRefusal } from '#internal/errors/errors.ts';
import { NodeSchema, PlacementSchema, TunnelSchema } from '#internal/gen/pop44/store/v1/records_pb.ts';
import { DrainNodeRequestSchema, UndrainNodeRequestSchema } from '#internal/gen/pop44/v1/fabric_pb.ts';
import { fold, type Snapshot } from '#internal/model/model.ts';
import { grouped } from '#internal/testkit/anycast-group.ts';
import { commandContext } from '#internal/testkit/command-context.ts';
import { createLedger } from '#internal/testkit/ledger.ts';
import { pairSnapshot } from '#internal/testkit/pair.ts';
import { tunnelEvents } from '#internal/testkit/three-pops.ts';
import { changed } from '#internal/testkit/tunnel-requests.ts';
import { type Carried, drainNode, undrainNode } from './command.ts';

/** With a tunnel that may be at each of the PoPs. */
const snapshot: Snapshot = fold(pairSnapshot(), {
  revision: 3n,
  relisted: false,
  events: tunnelEvents(7, 3n),
}).snapshot;
const well: Carried = { carries: true, relieved: true };
const alone: Carried = { carries: true, relieved: false };

const drained = (request: Parameters<typeof create<typeof DrainNodeRequestSchema>>[1], carried = well, of = snapshot) =>
  drainNode(of, create(DrainNodeRequestSchema, request), commandContext(of), carried);

function after(decided: ReturnType<typeof drained>): Snapshot {
  if (isRefusal(decided)) throw new Error(decided.message);
  const { node } = decided.response;
  if (node === undefined) throw new Error('no node');
  const record = clone(NodeSchema, node);
  const event = { kind: 'node', id: record.id, stored: { record, revision: 4n } } as const;
  return fold(snapshot, { revision: 4n, relisted: false, events: [event] }).snapshot;
}

test('a node that is drained says by whom and why, and whether it carried its PoP; undrained, it says nothing [N8]', () => {
  const then = after(drained({ node: 'p3', reason: 'new disk' }));
  expect(then.nodes.get('p3')?.record.drain).toMatchObject({ by: 'admin/ada', reason: 'new disk', carried: true });
  expect(after(drained({ node: 'p3' }, { ...well, carries: false })).nodes.get('p3')?.record.drain?.carried).toBe(
    false,
  );
  const request = create(UndrainNodeRequestSchema, { node: 'p3' });
  const undrained = undrainNode(then, request, commandContext(then));
  expect(isRefusal(undrained) || undrained.response.node?.drain).toBeUndefined();
});

test('where nobody else can carry the PoP, how many tunnels fall silent is said, unless it is forced [N8]', () => {
  expect(drained({ node: 'p3' }, alone)).toMatchObject({
    refused: 'in-use',
    message: expect.stringMatching(/PoP p3 that can take over: 1 tunnel falls silent without it .*--force/),
  });
  expect(after(drained({ node: 'p3', force: true }, alone)).nodes.get('p3')?.record.drain?.carried).toBe(false);
  expect(isRefusal(drained({ node: 'p3' }, alone, pairSnapshot()))).toBe(false);
});

test('a tunnel of the PoP’s anycast group is one that falls silent, wherever it is placed', () => {
  const tunnel = clone(TunnelSchema, snapshot.tunnels.get('t7')?.record ?? create(TunnelSchema));
  tunnel.placement = create(PlacementSchema, { popIds: ['p1'] });
  const elsewhere = changed(snapshot, { kind: 'tunnel', id: 't7', stored: { revision: 4n, record: tunnel } });
  expect(isRefusal(drained({ node: 'p3' }, alone, elsewhere))).toBe(false);
  expect(drained({ node: 'p3' }, alone, grouped(elsewhere, ['p1', 'p3']))).toMatchObject({
    message: expect.stringContaining('1 tunnel falls silent') as unknown,
  });
});

test('of two nodes of a pair that are drained at one moment one goes on, unless it is forced [N8]', () => {
  const both = (rest: object = {}): readonly boolean[] => {
    const ledger = createLedger(snapshot);
    return ['p3', 'p4'].map((node) => {
      const decided = drained({ node, ...rest });
      if (isRefusal(decided)) throw new Error(decided.message);
      return ledger.commit(decided.decision) !== undefined;
    });
  };
  expect(both()).toEqual([true, false]);
  expect(both({ force: true })).toEqual([true, true]);
});

test.each([
  ['no node', { node: 'p9' }, 'not-found'],
  ['a reason of two lines', { node: 'p3', reason: 'a\nb' }, 'invalid'],
  ['an etag of long ago', { node: 'p3', change: { etag: '1' } }, 'stale-etag'],
])('%s is refused', (_, request, refused) => {
  expect(drained(request)).toMatchObject({ refused });
});

test('what is drained is not drained again, and what is not is not undrained', () => {
  const then = after(drained({ node: 'p3' }));
  expect(drained({ node: 'p3' }, well, then)).toMatchObject({ refused: 'already-exists' });
  const request = create(UndrainNodeRequestSchema, { node: 'p4' });
  expect(undrainNode(then, request, commandContext(then))).toMatchObject({ refused: 'invalid' });
});
