import { clone, create, type MessageInitShape } from '@bufbuild/protobuf';
import { describe, expect, test } from 'vitest';
import { isRefusal } from '#internal/errors/errors.ts';
import { EndpointMode, PlacementSchema, PopKind, TunnelSchema } from '#internal/gen/pop44/store/v1/records_pb.ts';
import {
  CreateAnycastGroupRequestSchema,
  DeleteAnycastGroupRequestSchema,
  GetPopAccessKeyRequestSchema,
  SetPopAccessKeyRequestSchema,
  UpdatePopRequestSchema,
} from '#internal/gen/pop44/v1/fabric_pb.ts';
import { fold, foldDecision, popsOfGroup, type Snapshot, servedPop } from '#internal/model/model.ts';
import type { RecordEvent } from '#internal/model/record.ts';
import { makeIdentity, recipientOf, seal } from '#internal/sealing/sealing.ts';
import { commandContext } from '#internal/testkit/command-context.ts';
import { decisionOf, nodeOf, popOf } from '#internal/testkit/fabric-requests.ts';
import { testKey, threePops } from '#internal/testkit/three-pops.ts';
import {
  createAnycastGroup,
  deleteAnycastGroup,
  groupShown,
  popAccessKey,
  setPopAccessKey,
  tunnelTemplate,
  updatePop,
} from './command.ts';

const recipient = recipientOf(makeIdentity());
const sealedTo = (...ids: readonly string[]) =>
  Object.fromEntries(ids.map((id) => [id, seal(new Uint8Array(32).fill(7), recipient)]));

/** What a granted request leads to. */
const after = (from: Snapshot, outcome: unknown): Snapshot => foldDecision(from, decisionOf(outcome)).snapshot;
type Init<S extends Parameters<typeof create>[0]> = MessageInitShape<S>;
const made = (from: Snapshot, more: Init<typeof CreateAnycastGroupRequestSchema> = {}) =>
  createAnycastGroup(
    from,
    create(CreateAnycastGroupRequestSchema, { id: 'coast', pop: 'p1', ...more }),
    commandContext(from),
  );
const updated = (from: Snapshot, more: Init<typeof UpdatePopRequestSchema> = {}) =>
  updatePop(
    from,
    create(UpdatePopRequestSchema, { pop: 'p2', anycastGroup: 'coast', replace: true, ...more }),
    commandContext(from),
  );
/** The tunnel is placed at these, with a pre-shared key for those nodes. */
function placed(from: Snapshot, popIds: readonly string[], ...to: readonly string[]): Snapshot {
  const record = from.tunnels.get('t1')?.record;
  if (record === undefined) throw new Error('t1');
  const revision = from.revision + 1n;
  const changed = Object.assign(clone(TunnelSchema, record), {
    placement: create(PlacementSchema, { popIds: [...popIds] }),
    sealedPresharedKey: sealedTo(...to),
  });
  const events: readonly RecordEvent[] = [{ kind: 'tunnel', id: 't1', stored: { revision, record: changed } }];
  return fold(from, { revision, relisted: false, events }).snapshot;
}
const deleted = (from: Snapshot, id = 'coast') =>
  deleteAnycastGroup(from, create(DeleteAnycastGroupRequestSchema, { id }), commandContext(from));
const keyed = (from: Snapshot, popId: string, ...to: readonly string[]) =>
  setPopAccessKey(
    from,
    create(SetPopAccessKeyRequestSchema, { popId, publicKey: testKey(101), sealed: sealedTo(...to) }),
    commandContext(from),
  );

const plain = threePops(1);
const own = (id: string) => plain.pops.get(id)?.record;
const sealed = after(plain, keyed(plain, 'p1', 'p1'));
const alone = after(sealed, made(sealed));
const both = after(alone, updated(alone, { sealed: sealedTo('p1', 'p2') }));
const servedOf = (from: Snapshot, id: string) => {
  const pop = from.pops.get(id)?.record;
  if (pop === undefined) throw new Error(id);
  return servedPop(from, pop);
};

describe('an anycast group [N8]', () => {
  test('begins as the endpoint of one PoP, whose clients notice nothing, and ends as it', () => {
    expect(servedOf(alone, 'p1')).toEqual({ ...servedOf(sealed, 'p1'), anycastGroupId: 'coast' });
    const ended = after(alone, deleted(alone));
    expect(ended.anycasts.size).toBe(0);
    expect(ended.pops.get('p1')?.record).toEqual(sealed.pops.get('p1')?.record);
  });

  test('a PoP that joins has its endpoint, port and key, and nothing of its own meanwhile', () => {
    const { endpoint4, endpoint6, endpointPort, publicKey } = servedOf(both, 'p1');
    expect(servedOf(both, 'p2')).toMatchObject({ endpoint4, endpoint6, endpointPort, publicKey, id: 'p2' });
    expect(popsOfGroup(both, 'coast')).toEqual(['p1', 'p2']);
    expect(servedOf(both, 'p3')).toBe(both.pops.get('p3')?.record);
    // A file for either is the same file.
    const tunnel = both.tunnels.get('t1');
    if (tunnel === undefined) throw new Error('t1');
    const files = ['p1', 'p2'].map((popId) => tunnelTemplate(both, tunnel, { popId, endpointIpv6: false }));
    expect(files[1]).toEqual(files[0]);
  });

  test('a PoP that leaves has what it had, and the key is sealed to its nodes no more', () => {
    const again = after(both, updated(both, { anycastGroup: '' }));
    expect(again.pops.get('p2')?.record).toEqual(own('p2'));
    expect(Object.keys(again.anycasts.get('coast')?.record.sealedAccessKey ?? {})).toEqual(['p1']);
  });

  test('its key is set, read and sealed again by any of its PoPs, and answers show nothing that is sealed', () => {
    const next = after(both, keyed(both, 'p2', 'p1', 'p2'));
    expect(Object.keys(next.anycasts.get('coast')?.record.sealedAccessKey ?? {})).toEqual(['p1', 'p2']);
    expect(next.pops.get('p2')?.record).toEqual(both.pops.get('p2')?.record);
    const answer = popAccessKey(both, create(GetPopAccessKeyRequestSchema, { popId: 'p2' }));
    expect(answer).toMatchObject({ publicKey: testKey(101), recipients: { p1: '', p2: '' } });
    const group = both.anycasts.get('coast')?.record;
    if (group === undefined) throw new Error('coast');
    expect(groupShown(both, group)).toMatchObject({
      pops: ['p1', 'p2'],
      withoutKey: [],
      group: { sealedAccessKey: {} },
    });
    const more = after(both, nodeOf({ popId: 'p2' }, both));
    expect(groupShown(more, group).withoutKey).toEqual(['p1b']);
  });

  test.each<[string, () => unknown, string]>([
    ['no id', () => made(plain, { id: '' }), 'required'],
    ['an id that is none', () => made(plain, { id: 'West Coast' }), 'invalid'],
    ['an unknown PoP', () => made(plain, { pop: 'p9' }), 'not-found'],
    ['the id of another', () => made(alone, { pop: 'p3' }), 'already-exists'],
    ['a PoP in a group already', () => made(alone, { id: 'other' }), 'in-use'],
    ['a PoP that joins twice', () => updated(both, { sealed: sealedTo('p1', 'p2') }), 'in-use'],
    ['an unknown group', () => updated(alone, { anycastGroup: 'nowhere' }), 'not-found'],
    ['an unknown PoP that joins', () => updated(alone, { pop: 'p9' }), 'not-found'],
    ['a key that is not sealed to who joins', () => updated(alone, { sealed: sealedTo('p1') }), 'required'],
    ['a key that is sealed to a stranger', () => updated(alone, { sealed: sealedTo('p1', 'p2', 'p3') }), 'invalid'],
    ['its founder leaves', () => updated(both, { pop: 'p1', anycastGroup: '' }), 'in-use'],
    ['a PoP leaves that is in none', () => updated(both, { pop: 'p3', anycastGroup: '' }), 'invalid'],
    ['the end of one that others are in', () => deleted(both), 'in-use'],
    ['the end of one that is not there', () => deleted(plain), 'not-found'],
    ['a PoP with its endpoint', () => popOf({ endpoint4: '198.18.200.1' }, alone), 'already-exists'],
    ['a PoP with its key', () => popOf({ publicKey: testKey(101) }, both), 'duplicate-key'],
  ])('refuses %s', (_, asked, refused) => {
    expect(asked()).toMatchObject({ refused });
  });

  test('a PoP that tunnels are placed at gives its endpoint up only when that is said', () => {
    const grouped = after(plain, made(plain, { pop: 'p2' }));
    // At home elsewhere, and with a file for this PoP maybe.
    const asked = (replace: boolean) => updated(placed(grouped, ['p3', 'p1']), { pop: 'p1', replace });
    expect(asked(false)).toMatchObject({
      refused: 'in-use',
      message: expect.stringContaining(
        'carries 1 tunnel, whose files may name the endpoint that it gives up',
      ) as unknown,
    });
    expect(isRefusal(asked(true))).toBe(false);
    expect(isRefusal(updated(placed(grouped, ['p3']), { pop: 'p1', replace: false }))).toBe(false);
  });

  test('a PoP leaves with nothing said when its tunnels are at another one of the group too', () => {
    const leaving = (popIds: readonly string[]) => updated(placed(both, popIds), { anycastGroup: '', replace: false });
    expect(isRefusal(leaving(['p2', 'p1']))).toBe(false);
    expect(leaving(['p2', 'p3'])).toMatchObject({ refused: 'in-use' });
  });

  test.each([
    ['p1', 'p1', 'p2', 'p1'],
    ['p2', 'p2', 'p1', 'p2'],
  ])(
    'a pre-shared key of a tunnel at %s that the other side cannot open is told, with the cure',
    (at, to, others, on) => {
      const joining = (from: Snapshot, replace: boolean) => updated(from, { sealed: sealedTo('p1', 'p2'), replace });
      const closed = placed(alone, [at], to);
      const refusal = joining(closed, false);
      expect(refusal).toMatchObject({ refused: 'in-use' });
      const says = `shares 1 tunnel with a pre-shared key that is not sealed to ${others}: admin/test/tunnel-1`;
      expect(isRefusal(refusal) && refusal.message).toContain(says);
      expect(isRefusal(refusal) && refusal.message).toContain(`pop44 node reseal ${on} --for ${others}`);
      expect(isRefusal(joining(closed, true))).toBe(false);
      const message = (outcome: ReturnType<typeof joining>): string => (isRefusal(outcome) ? outcome.message : '');
      for (const open of [placed(alone, [at], 'p1', 'p2'), placed(alone, [at]), placed(alone, ['p3'], 'p3')])
        expect(message(joining(open, false))).not.toContain('pre-shared');
    },
  );

  test('a club has no place in one', () => {
    const pop = plain.pops.get('p3');
    if (pop === undefined) throw new Error('p3');
    const record = { ...pop.record, kind: PopKind.MICRO };
    const events: readonly RecordEvent[] = [{ kind: 'pop', id: 'p3', stored: { revision: 9n, record } }];
    const clubs = fold(plain, { revision: 9n, relisted: false, events }).snapshot;
    expect(made(clubs, { pop: 'p3' })).toMatchObject({ refused: 'invalid' });
  });

  test('an endpoint on a LAN is for no group, and a PoP may become one that is announced in the same step', () => {
    const pop = sealed.pops.get('p2');
    if (pop === undefined) throw new Error('p2');
    const onLan = { endpointMode: EndpointMode.L2, gateway4: '198.18.2.1', gateway6: '2001:db8:1:2::1' };
    const events: readonly RecordEvent[] = [
      { kind: 'pop', id: 'p2', stored: { revision: 9n, record: { ...pop.record, ...onLan } } },
    ];
    const lan = fold(alone, { revision: 9n, relisted: false, events }).snapshot;
    expect(made(lan, { id: 'other', pop: 'p2' })).toMatchObject({ refused: 'invalid' });
    const joining = { sealed: sealedTo('p1', 'p2') };
    expect(updated(lan, joining)).toMatchObject({
      refused: 'invalid',
      message: expect.stringContaining('pop44 pop update p2 --endpoint-mode bgp first') as unknown,
    });
    const announced = { endpointMode: EndpointMode.UNSPECIFIED, gateway4: '', gateway6: '' };
    expect(decisionOf(updated(lan, { ...joining, ...announced })).writes).toContainEqual(
      expect.objectContaining({ kind: 'anycast', id: 'coast' }),
    );
    const back = updatePop(both, create(UpdatePopRequestSchema, { pop: 'p2', ...onLan }), commandContext(both));
    expect(back).toMatchObject({
      refused: 'invalid',
      message: expect.stringContaining('endpoint_mode: "l2"') as unknown,
    });
  });

  test('a group that a hand has deleted leaves its PoPs with what is theirs', () => {
    const events: readonly RecordEvent[] = [{ kind: 'anycast', id: 'coast' }];
    const torn = fold(both, { revision: 9n, relisted: false, events }).snapshot;
    expect(servedOf(torn, 'p2').endpoint4).toBe(own('p2')?.endpoint4);
  });
});
