import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { describe, expect, test } from 'vitest';
import { isRefusal } from '#internal/errors/errors.ts';
import type { Pop } from '#internal/gen/pop44/store/v1/records_pb.ts';
import {
  NextAccessKeySchema,
  RotatePopAccessKeyRequestSchema,
  SetPopAccessKeyRequestSchema,
} from '#internal/gen/pop44/v1/fabric_pb.ts';
import { fold, type Snapshot } from '#internal/model/model.ts';
import { makeIdentity, recipientOf, seal } from '#internal/sealing/sealing.ts';
import { commandContext } from '#internal/testkit/command-context.ts';
import { decisionOf } from '#internal/testkit/fabric-requests.ts';
import { testKey, threePops } from '#internal/testkit/three-pops.ts';
import { endPopKeyWindow, rotatePopAccessKey, setPopAccessKey, tunnelTemplate } from './command.ts';

const plain = threePops(1);
const context = commandContext(plain);
const recipient = recipientOf(makeIdentity());
const sealed = { p1: seal(new Uint8Array(32).fill(7), recipient) };
const next = testKey(70);
type Init = MessageInitShape<typeof RotatePopAccessKeyRequestSchema>;
const asked = (from: Snapshot, step: NonNullable<Init['step']>, more: Init = {}) =>
  rotatePopAccessKey(from, create(RotatePopAccessKeyRequestSchema, { popId: 'p1', step, ...more }), context);
const withNext = (from: Snapshot, fields: MessageInitShape<typeof NextAccessKeySchema> = {}) =>
  asked(from, { case: 'next', value: create(NextAccessKeySchema, { publicKey: next, sealed, ...fields }) });
const popOf = (outcome: unknown): Pop => {
  const write = decisionOf(outcome).writes.find(({ kind }) => kind === 'pop');
  if (write?.op !== 'put') throw new Error('no PoP is put');
  return write.record as Pop;
};
const after = (from: Snapshot, record: Pop): Snapshot =>
  fold(from, {
    revision: from.revision + 1n,
    relisted: false,
    events: [{ kind: 'pop', id: record.id, stored: { revision: from.revision + 1n, record } }],
  }).snapshot;
const open = after(plain, popOf(withNext(plain)));
const reasonOf = (outcome: unknown): string =>
  isRefusal(outcome) ? `${outcome.refused} ${outcome.message}` : 'granted';

describe('a window of two access keys [T6]', () => {
  test('opens beside the current key, which stays, and answers without what is sealed', () => {
    const outcome = withNext(plain, { windowSeconds: 7_200 });
    const pop = popOf(outcome);
    const now = context.now.getTime() / 1_000;
    expect(pop).toMatchObject({ publicKey: plain.pops.get('p1')?.record.publicKey, accessKeyGeneration: 0 });
    expect(pop.nextAccessKey).toMatchObject({ publicKey: next, port: pop.endpointPort + 1, sealed });
    expect(Number(pop.nextAccessKey?.takesOverAt?.seconds)).toBe(Math.floor(now) + 7_200);
    if (isRefusal(outcome)) throw new Error(outcome.message);
    expect(outcome.response.pop?.nextAccessKey).toMatchObject({ publicKey: next, sealed: {} });
  });

  test('files that are made from then on have the next key and its port', () => {
    const tunnel = open.tunnels.get('t1');
    if (tunnel === undefined) throw new Error('t1');
    const template = tunnelTemplate(open, tunnel, { popId: 'p1', endpointIpv6: false });
    const port = open.pops.get('p1')?.record.nextAccessKey?.port;
    expect(template).toMatchObject({ peerPublicKey: next, endpointPort: port });
  });

  test('the same key again is sealed anew, and nothing else', () => {
    const anew = { p1: seal(new Uint8Array(32).fill(7), recipient) };
    const before = open.pops.get('p1')?.record.nextAccessKey;
    const pop = popOf(withNext(open, { sealed: anew, port: 4444, windowSeconds: 9_999_999 }));
    expect(pop.nextAccessKey).toEqual({ ...before, sealed: anew });
  });

  test('ends with the next key in the place of the current one, and the next rotation has the other interface', () => {
    const pop = popOf(asked(open, { case: 'finish', value: true }));
    expect(pop).toMatchObject({ publicKey: next, sealedAccessKey: sealed, accessKeyGeneration: 1 });
    expect([pop.nextAccessKey, pop.endpointPort]).toEqual([undefined, open.pops.get('p1')?.record.nextAccessKey?.port]);
    const again = popOf(withNext(after(open, pop), { publicKey: testKey(71) }));
    expect(again.nextAccessKey?.port).not.toBe(pop.endpointPort);
  });

  test('that is cancelled leaves everything as it was', () => {
    const before = plain.pops.get('p1')?.record;
    expect(popOf(asked(open, { case: 'cancel', value: true }))).toEqual(before);
  });

  test('ends by itself when its time has come, and not before', () => {
    const at = open.pops.get('p1')?.record.nextAccessKey?.takesOverAt?.seconds ?? 0n;
    const when = (seconds: bigint) => new Date(Number(seconds) * 1_000);
    expect(endPopKeyWindow(open, 'p1', when(at - 1n))).toBeUndefined();
    expect(endPopKeyWindow(open, 'p2', when(at + 1n))).toBeUndefined();
    const decision = endPopKeyWindow(open, 'p1', when(at + 1n));
    expect(decision).toMatchObject({ writes: expect.arrayContaining([expect.objectContaining({ kind: 'pop' })]) });
  });

  test('does not end at a time that is none', () => {
    const pop = popOf(withNext(plain));
    const at = pop.nextAccessKey?.takesOverAt;
    if (at !== undefined) at.seconds = 1n << 60n;
    expect(endPopKeyWindow(after(plain, pop), 'p1', new Date())).toBeUndefined();
  });

  test('does not end while a node cannot open the next key', () => {
    const pop = popOf(withNext(plain));
    if (pop.nextAccessKey !== undefined) pop.nextAccessKey.sealed = {};
    const without = after(plain, pop);
    expect(reasonOf(asked(without, { case: 'finish', value: true }))).toContain('not-ready pop_id: "p1" has node p1');
    const at = new Date(Number(pop.nextAccessKey?.takesOverAt?.seconds) * 1_000 + 1_000);
    expect(endPopKeyWindow(without, 'p1', at)).toMatchObject({ refused: 'not-ready' });
  });
});

describe('what cannot be is refused and changes nothing [T6]', () => {
  const taken = plain.tunnels.get('t1')?.record.publicKey ?? '';
  test.each<[string, unknown, string]>([
    ['no step', asked(plain, { case: undefined }), 'required step: is missing'],
    ['a step that is not meant', asked(open, { case: 'finish', value: false }), 'required step: is missing'],
    ['no such PoP', asked(plain, { case: 'finish', value: true }, { popId: 'p9' }), 'not-found pop_id'],
    ['nothing to end', asked(plain, { case: 'finish', value: true }), 'invalid pop_id: "p1" has no open rotation'],
    ['nothing to cancel', asked(plain, { case: 'cancel', value: true }), 'invalid pop_id: "p1" has no open rotation'],
    ['another next key', withNext(open, { publicKey: testKey(71) }), 'rotation-open next.public_key'],
    [
      'its own current key',
      withNext(plain, { publicKey: plain.pops.get('p1')?.record.publicKey ?? '' }),
      'duplicate-key',
    ],
    ["a tunnel's key", withNext(plain, { publicKey: taken }), 'duplicate-key next.public_key'],
    ['all zero', withNext(plain, { publicKey: Buffer.alloc(32).toString('base64') }), 'invalid next.public_key'],
    ['no key', withNext(plain, { publicKey: '' }), 'required next.public_key'],
    ['sealed to nobody', withNext(plain, { sealed: {} }), 'required next.sealed'],
    ['sealed to a stranger', withNext(plain, { sealed: { ...sealed, p2: sealed.p1 } }), 'invalid next.sealed'],
    ['a minute', withNext(plain, { windowSeconds: 60 }), 'invalid next.window_seconds'],
    ['ten years', withNext(plain, { windowSeconds: 315_360_000 }), 'invalid next.window_seconds'],
    ['a port that leads to the current key', withNext(plain, { port: 443 }), 'invalid next.port'],
    ['no port', withNext(plain, { port: 65_536 }), 'next.port'],
    [
      "the mesh's port",
      withNext(plain, { port: plain.nodes.get('p1')?.record.meshPort ?? 0 }),
      'already-exists next.port',
    ],
    ['the current port', withNext(plain, { port: plain.pops.get('p1')?.record.endpointPort ?? 0 }), 'already-exists'],
    ['an old etag', asked(open, { case: 'cancel', value: true }, { change: { etag: '1' } }), 'stale-etag'],
  ])('%s', (_, outcome, reason) => {
    expect(reasonOf(outcome)).toContain(reason);
  });

  test('another key by way of create, while a rotation is open', () => {
    const request = create(SetPopAccessKeyRequestSchema, {
      popId: 'p1',
      publicKey: testKey(90),
      sealed,
      replace: true,
    });
    expect(reasonOf(setPopAccessKey(open, request, context))).toContain('rotation-open public_key');
  });
});
