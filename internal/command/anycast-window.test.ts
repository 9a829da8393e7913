import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { describe, expect, test } from 'vitest';
import { isRefusal } from '#internal/errors/errors.ts';
import {
  DeleteAnycastGroupRequestSchema,
  GetPopAccessKeyRequestSchema,
  RemoveNodeRequestSchema,
  RotatePopAccessKeyRequestSchema,
  SetPopAccessKeyRequestSchema,
  UpdatePopRequestSchema,
} from '#internal/gen/pop44/v1/fabric_pb.ts';
import { fold, foldDecision, type Snapshot, servedPop } from '#internal/model/model.ts';
import type { RecordEvent } from '#internal/model/record.ts';
import { makeIdentity, recipientOf, seal } from '#internal/sealing/sealing.ts';
import { grouped } from '#internal/testkit/anycast-group.ts';
import { commandContext } from '#internal/testkit/command-context.ts';
import { decisionOf, nodeOf } from '#internal/testkit/fabric-requests.ts';
import { testKey, threePops } from '#internal/testkit/three-pops.ts';
import {
  deleteAnycastGroup,
  endPopKeyWindow,
  groupShown,
  popAccessKey,
  removeNode,
  rotatePopAccessKey,
  setPopAccessKey,
  tunnelTemplate,
  updatePop,
} from './command.ts';

const recipient = recipientOf(makeIdentity());
const sealedTo = (...ids: readonly string[]) =>
  Object.fromEntries(ids.map((id) => [id, seal(new Uint8Array(32).fill(7), recipient)]));
const next = testKey(70);
const both = sealedTo('p1', 'p2');
/** p1 and p2 share what is p1's. */
const group = grouped(threePops(1), ['p1', 'p2'], { sealedAccessKey: sealedTo('p1', 'p2') });

const after = (from: Snapshot, outcome: unknown): Snapshot => foldDecision(from, decisionOf(outcome)).snapshot;
type Init = MessageInitShape<typeof RotatePopAccessKeyRequestSchema>;
const asked = (from: Snapshot, popId: string, step: NonNullable<Init['step']>, more: Init = {}) =>
  rotatePopAccessKey(from, create(RotatePopAccessKeyRequestSchema, { popId, step, ...more }), commandContext(from));
const opened = (from: Snapshot, popId: string, sealed = both, port = 0) =>
  asked(from, popId, { case: 'next', value: { publicKey: next, sealed, port, windowSeconds: 7_200 } });
const open = after(group, opened(group, 'p2'));
const recordOf = (from: Snapshot) => {
  const record = from.anycasts.get('coast')?.record;
  if (record === undefined) throw new Error('coast');
  return record;
};
const servedOf = (from: Snapshot, id: string) => {
  const pop = from.pops.get(id)?.record;
  if (pop === undefined) throw new Error(id);
  return servedPop(from, pop);
};
const takesOver = Number(recordOf(open).nextAccessKey?.takesOverAt?.seconds) * 1_000;
const joining = (from: Snapshot, pop: string, anycastGroup: string, sealed = {}) =>
  updatePop(from, create(UpdatePopRequestSchema, { pop, anycastGroup, sealed, replace: true }), commandContext(from));

describe('a window of two access keys of an anycast group [N8] [T6]', () => {
  test('opens by any of its PoPs, in the record of the group, and all its PoPs have both keys', () => {
    expect(recordOf(open)).toMatchObject({ publicKey: recordOf(group).publicKey, accessKeyGeneration: 0 });
    for (const id of ['p1', 'p2']) {
      expect(servedOf(open, id).nextAccessKey).toMatchObject({ publicKey: next, sealed: both });
      expect(open.pops.get(id)?.record).toEqual(group.pops.get(id)?.record);
      const tunnel = open.tunnels.get('t1');
      if (tunnel === undefined) throw new Error('t1');
      const file = tunnelTemplate(open, tunnel, { popId: id, endpointIpv6: false });
      expect(file).toMatchObject({ peerPublicKey: next, endpointPort: recordOf(group).endpointPort + 1 });
    }
    expect(servedOf(open, 'p3').nextAccessKey).toBeUndefined();
    const outcome = opened(group, 'p2');
    if (isRefusal(outcome)) throw new Error(outcome.message);
    expect(outcome.response.pop).toMatchObject({ id: 'p2', nextAccessKey: { publicKey: next, sealed: {} } });
    expect(groupShown(open, recordOf(open)).group?.nextAccessKey).toMatchObject({ publicKey: next, sealed: {} });
    const told = popAccessKey(open, create(GetPopAccessKeyRequestSchema, { popId: 'p1' }));
    expect(told).toMatchObject({ next: { publicKey: next, sealed: both }, recipients: { p1: '', p2: '' } });
  });

  test('has a port that none of its nodes uses, of whichever PoP', () => {
    const used = servedOf(group, 'p1').endpointPort + 1;
    const events = [...group.interconnects].slice(0, 1).map(
      ([id, { record }]): RecordEvent => ({
        ...{ kind: 'interconnect', id },
        stored: { revision: 9n, record: { ...record, nodeA: 'p2', nodeB: 'p3', portA: used } },
      }),
    );
    const busy = fold(group, { revision: 9n, relisted: false, events }).snapshot;
    expect(recordOf(after(busy, opened(busy, 'p1'))).nextAccessKey?.port).toBe(used + 1);
    expect(opened(busy, 'p1', both, used)).toMatchObject({ refused: 'already-exists' });
  });

  test('ends for all at once, by an order at any of them', () => {
    const ended = after(open, asked(open, 'p1', { case: 'finish', value: true }));
    const { port } = recordOf(open).nextAccessKey ?? {};
    for (const id of ['p1', 'p2']) {
      expect(servedOf(ended, id)).toMatchObject({
        ...{ publicKey: next, endpointPort: port, sealedAccessKey: both, accessKeyGeneration: 1 },
      });
      expect(servedOf(ended, id).nextAccessKey).toBeUndefined();
    }
    const again = asked(ended, 'p2', { case: 'next', value: { publicKey: testKey(71), sealed: both } });
    expect(recordOf(after(ended, again)).nextAccessKey?.port).not.toBe(port);
    // What was the group's is the founder's when it ends.
    const left = after(ended, joining(ended, 'p2', ''));
    const done = deleteAnycastGroup(
      left,
      create(DeleteAnycastGroupRequestSchema, { id: 'coast' }),
      commandContext(left),
    );
    expect(after(left, done).pops.get('p1')?.record).toMatchObject({
      ...{ publicKey: next, endpointPort: port, accessKeyGeneration: 1 },
    });
  });

  test('that is cancelled leaves the group as it was', () => {
    expect(recordOf(after(open, asked(open, 'p2', { case: 'cancel', value: true })))).toEqual(recordOf(group));
  });

  test('ends by itself when its time has come, once', () => {
    const [early, late] = [new Date(takesOver - 1_000), new Date(takesOver + 1_000)];
    expect(endPopKeyWindow(open, 'p1', early)).toBeUndefined();
    // One of its PoPs is asked: a failure is told once.
    expect(endPopKeyWindow(open, 'p2', late)).toBeUndefined();
    const decision = endPopKeyWindow(open, 'p1', late);
    if (decision === undefined || isRefusal(decision)) throw new Error('no end');
    expect(servedOf(foldDecision(open, decision).snapshot, 'p2')).toMatchObject({ publicKey: next });
    expect(decision.compares).toContainEqual(expect.objectContaining({ kind: 'anycast', id: 'coast' }));
  });

  test('does not end while a node that has joined one of its PoPs cannot open the next key', () => {
    const more = after(open, nodeOf({ popId: 'p2' }, open));
    expect(groupShown(more, recordOf(more)).withoutKey).toEqual(['p1b']);
    const refusal = asked(more, 'p1', { case: 'finish', value: true });
    expect(refusal).toMatchObject({
      refused: 'not-ready',
      message: expect.stringContaining(
        'shares its key with node p1b of PoP p2, which cannot open the next one',
      ) as unknown,
    });
    expect(endPopKeyWindow(more, 'p1', new Date(takesOver + 1_000))).toMatchObject({ refused: 'not-ready' });
    const sealed = sealedTo('p1', 'p2', 'p1b');
    const resealed = after(more, opened(more, 'p1', sealed));
    expect(recordOf(resealed).nextAccessKey).toEqual({ ...recordOf(more).nextAccessKey, sealed });
    expect(isRefusal(asked(resealed, 'p1', { case: 'finish', value: true }))).toBe(false);
    const gone = removeNode(resealed, create(RemoveNodeRequestSchema, { node: 'p1b' }), commandContext(resealed));
    expect(Object.keys(recordOf(after(resealed, gone)).nextAccessKey?.sealed ?? {})).toEqual(['p1', 'p2']);
  });

  const alone = grouped(threePops(1), ['p1'], { sealedAccessKey: sealedTo('p1') });
  const aloneOpen = after(alone, opened(alone, 'p1', sealedTo('p1')));
  const cure = 'pop44 pop key rotate p1 --finish or --cancel first';
  test.each<[string, unknown, string, string]>([
    ['a PoP that joins', joining(open, 'p3', 'coast', sealedTo('p1', 'p2', 'p3')), 'rotation-open', cure],
    ['a PoP that leaves', joining(open, 'p2', ''), 'rotation-open', cure],
    [
      'its end',
      deleteAnycastGroup(
        aloneOpen,
        create(DeleteAnycastGroupRequestSchema, { id: 'coast' }),
        commandContext(aloneOpen),
      ),
      ...(['rotation-open', cure] as const),
    ],
    [
      'another key at a moment',
      setPopAccessKey(
        open,
        create(SetPopAccessKeyRequestSchema, { popId: 'p2', publicKey: testKey(72), sealed: both, replace: true }),
        commandContext(open),
      ),
      ...(['rotation-open', 'pop44 pop key rotate p2 --finish or --cancel first'] as const),
    ],
    ['a next key that one node cannot open', opened(group, 'p1', sealedTo('p1')), 'required', 'next.sealed[p2]'],
    [
      'the key that it has',
      asked(group, 'p1', { case: 'next', value: { publicKey: recordOf(group).publicKey, sealed: both } }),
      'duplicate-key',
      'PoP p1',
    ],
    [
      'its next key for another PoP',
      asked(open, 'p3', { case: 'next', value: { publicKey: next, sealed: sealedTo('p3') } }),
      ...(['duplicate-key', 'the anycast group coast'] as const),
    ],
    [
      "an etag of the PoP's record",
      asked(open, 'p2', { case: 'cancel', value: true }, { change: { etag: '1' } }),
      'stale-etag',
      '',
    ],
  ])('refuses %s', (_, outcome, refused, says) => {
    expect(outcome).toMatchObject({ refused, message: expect.stringContaining(says) as unknown });
  });
});
