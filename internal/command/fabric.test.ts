import { create } from '@bufbuild/protobuf';
import { describe, expect, test } from 'vitest';
import { isRefusal } from '#internal/errors/errors.ts';
import { PopKind } from '#internal/gen/pop44/store/v1/records_pb.ts';
import { CreateNetworkRequestSchema, DeleteInterconnectRequestSchema } from '#internal/gen/pop44/v1/fabric_pb.ts';
import { CreatePoolRequestSchema } from '#internal/gen/pop44/v1/pools_pb.ts';
import { emptySnapshot, fold } from '#internal/model/model.ts';
import { commandContext } from '#internal/testkit/command-context.ts';
import {
  context,
  decisionOf,
  fabric,
  joinOf,
  nodeOf,
  popOf,
  unjoined,
  upstreamOf,
} from '#internal/testkit/fabric-requests.ts';
import { createLedger } from '#internal/testkit/ledger.ts';
import { createNetwork, createPool, deleteInterconnect } from './command.ts';

describe('the network', () => {
  const make = (name: string, snapshot = emptySnapshot()) =>
    createNetwork(
      snapshot,
      create(CreateNetworkRequestSchema, { name, allowDocumentationSpace: true }),
      commandContext(snapshot),
    );

  test('is made once, with the realm internet', () => {
    const ledger = createLedger();
    const decision = decisionOf(make('lab'));
    expect(decision.writes).toMatchObject([
      {
        kind: 'network',
        record: { uid: '000000000001eeeeeeeeeeeeeeeeeeee', minReaderVersion: 1, allowDocumentationSpace: true },
      },
      { kind: 'realm', id: 'internet', record: { table: 4401 } },
    ]);
    expect(ledger.commit(decision)).toBeDefined();
    expect(ledger.commit(decision)).toBeUndefined();
    expect(make('other', ledger.snapshot)).toMatchObject({
      refused: 'already-exists',
      message: 'network: "lab" exists already (one etcd holds one network)',
    });
  });

  test('keeps a realm that is there already', () => {
    const { snapshot } = fold(fabric, { revision: 9n, relisted: false, events: [{ kind: 'network', id: 'network' }] });
    expect(decisionOf(make('lab', snapshot))).toMatchObject({
      compares: [
        { kind: 'network', revision: 0n },
        { kind: 'realm', revision: 1n },
      ],
      writes: [{ kind: 'network' }],
    });
  });

  test('has a name', () => {
    expect(make('')).toMatchObject({ refused: 'required', field: 'network.name' });
    expect(make('a\tb')).toMatchObject({ refused: 'invalid', field: 'network.name' });
  });
});

describe('the fabric', () => {
  test('grows by records that are kept as they were given, in canonical text', () => {
    expect(decisionOf(popOf({ endpoint6: '2001:DB8:1:E4::0001' })).writes).toMatchObject([
      { kind: 'network' },
      { kind: 'pop', id: 'p4', record: { endpoint4: '198.18.200.4', endpoint6: '2001:db8:1:e4::1' } },
    ]);
    expect(decisionOf(nodeOf()).compares).toEqual([
      { kind: 'network', id: 'network', revision: 1n },
      { kind: 'realm', id: 'internet', revision: 1n },
      { kind: 'node', id: 'p1b', revision: 0n },
      { kind: 'pop', id: 'p1', revision: 1n },
    ]);
    expect(decisionOf(upstreamOf()).writes).toMatchObject([{ kind: 'network' }, { kind: 'upstream', id: 'u9' }]);
  });

  test('takes a node of a MICRO PoP without a place on the mesh', () => {
    const ledger = createLedger(fabric);
    expect(ledger.commit(decisionOf(popOf({ kind: PopKind.MICRO })))).toBeDefined();
    const none = { meshAddress: '', meshPublicKey: '', meshPort: 0, apiPort: 0 };
    expect(isRefusal(nodeOf({ ...none, popId: 'p4' }, ledger.snapshot))).toBe(false);
    expect(isRefusal(nodeOf({ ...none, popId: 'p1' }, ledger.snapshot))).toBe(true);
  });

  test('chooses the lowest free link addresses and ports, whichever node is named first', () => {
    const expected = {
      id: 'p1-p3',
      nodeA: 'p1',
      nodeB: 'p3',
      link4: '172.30.0.2/31',
      link6: 'fd44:0:0:1::2/127',
      mtu: 1420,
    };
    expect(joinOf('p1', 'p3')).toMatchObject({
      response: { interconnect: { ...expected, portA: 51901, portB: 51900 } },
    });
    expect(joinOf('p3', 'p1', { portA: 40001 })).toMatchObject({
      response: { interconnect: { ...expected, portA: 51901, portB: 40001 } },
    });
  });

  test('keeps what was given', () => {
    const given = { link4: '172.30.9.0/31', link6: 'fd44:0:0:9::/127', portA: 1, portB: 2, mtu: 1500 };
    expect(joinOf('p1', 'p3', given)).toMatchObject({ response: { interconnect: given } });
  });

  test('of two joins at the same moment that chose the same link one commits', () => {
    const ledger = createLedger(unjoined);
    const [one, other] = [decisionOf(joinOf('p1', 'p3')), decisionOf(joinOf('p2', 'p3'))];
    expect(ledger.commit(one)).toBeDefined();
    expect(ledger.commit(other)).toBeUndefined();
    expect(joinOf('p2', 'p3', {}, ledger.snapshot)).toMatchObject({
      response: { interconnect: { link4: '172.30.0.4/31', link6: 'fd44:0:0:1::4/127', portA: 51901, portB: 51901 } },
    });
  });

  test('names a link by its nodes, and by an id of its own when that is too long', () => {
    const long = 'a-node-with-a-long-name-0000001';
    const ledger = createLedger(unjoined);
    ledger.commit(decisionOf(nodeOf({ id: long })));
    expect(joinOf('p1', long, {}, ledger.snapshot)).toMatchObject({
      response: {
        interconnect: { id: expect.stringMatching(/^i-[0-9a-f]{12}$/) as unknown, nodeA: long, nodeB: 'p1' },
      },
    });
  });

  test('joins two nodes once more beside what is there, when that is said, each time by ports and addresses of its own [N4]', () => {
    const ledger = createLedger(unjoined);
    const underlays = { underlayA: '198.18.2.9', underlayB: '198.18.1.9' };
    ledger.commit(decisionOf(joinOf('p2', 'p1', { parallel: true, ...underlays }, ledger.snapshot)));
    const expected = { portA: 51901, portB: 51901, link4: '172.30.0.2/31', link6: 'fd44:0:0:1::2/127' };
    expect(ledger.snapshot.interconnects.get('p1-p2-2')?.record).toMatchObject({
      ...{ ...expected, nodeA: 'p1', nodeB: 'p2' },
      ...{ underlayA: underlays.underlayB, underlayB: underlays.underlayA },
    });
    ledger.commit(decisionOf(joinOf('p1', 'p2', { parallel: true }, ledger.snapshot)));
    expect(ledger.snapshot.interconnects.get('p1-p2-3')?.record).toMatchObject({ portA: 51902, underlayA: '' });
    expect(joinOf('p1', 'p2', {}, ledger.snapshot)).toMatchObject({ refused: 'already-exists' });
  });

  test('lets an interconnect go', () => {
    const leave = (interconnect: string, etag = '') =>
      deleteInterconnect(fabric, create(DeleteInterconnectRequestSchema, { interconnect, change: { etag } }), context);
    expect(decisionOf(leave('p1-p2', '1'))).toEqual({
      // Both ends still reach a CORE by their other one.
      compares: ['p1-p2', 'p1-p3', 'p2-p3'].map((id) => ({ kind: 'interconnect', id, revision: 1n })),
      writes: [{ op: 'delete', kind: 'interconnect', id: 'p1-p2' }],
    });
    expect(leave('p1-p9')).toMatchObject({ refused: 'not-found' });
    expect(leave('p1-p2', '2')).toMatchObject({ refused: 'stale-etag' });
  });

  test('clear of pools: a pool and an endpoint in it that are created at the same moment do not both commit', () => {
    const pool = decisionOf(createPool(fabric, create(CreatePoolRequestSchema, { prefix: '44.60.0.0/22' }), context));
    const pop = decisionOf(popOf({ endpoint4: '44.60.0.1' }));
    for (const [first, second] of [
      [pool, pop],
      [pop, pool],
    ] as const) {
      const ledger = createLedger(fabric);
      expect(ledger.commit(first)).toBeDefined();
      expect(ledger.commit(second)).toBeUndefined();
    }
  });
});
