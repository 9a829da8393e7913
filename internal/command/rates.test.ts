import { clone, create } from '@bufbuild/protobuf';
import { describe, expect, test } from 'vitest';
import { PlacementSchema, TunnelSchema } from '#internal/gen/pop44/store/v1/records_pb.ts';
import { UpdateNodeRequestSchema } from '#internal/gen/pop44/v1/fabric_pb.ts';
import { grouped } from '#internal/testkit/anycast-group.ts';
import { commandContext } from '#internal/testkit/command-context.ts';
import { decisionOf, nodeOf } from '#internal/testkit/fabric-requests.ts';
import { altered, type Case, changed, createIn, named, updateIn, with3 } from '#internal/testkit/tunnel-requests.ts';
import type { Snapshot } from '#internal/model/model.ts';
import { updateNode } from './update-node.ts';

const range = '(64000 to 100000000000 bit/s; 0: unshaped)';
const narrow = altered('node', 'p2', { uplinkBitPerSecond: 20_000_000n });
const nodeIn = (snapshot: Snapshot, node: string, uplinkBitPerSecond?: bigint, etag = '') =>
  updateNode(
    snapshot,
    create(UpdateNodeRequestSchema, {
      node,
      change: { etag },
      ...(uplinkBitPerSecond === undefined ? {} : { uplinkBitPerSecond }),
    }),
    commandContext(snapshot),
  );

const atP1 = changed(narrow, {
  ...{ kind: 'tunnel', id: 't1' },
  stored: {
    revision: 9n,
    record: Object.assign(clone(TunnelSchema, with3.tunnels.get('t1')?.record ?? create(TunnelSchema)), {
      placement: create(PlacementSchema, { popIds: ['p1'] }),
    }),
  },
});

const refusals: readonly Case[] = [
  [
    'invalid',
    updateIn(grouped(atP1, ['p1', 'p2']), { rateUpBitPerSecond: 30_000_000n }),
    'tunnel.rate_up_bit_per_second: "30000000" is more than the uplink of node p2 carries (at most 20000000 (20M))',
  ],
  [
    'invalid',
    createIn(with3, { rateUpBitPerSecond: 63_999n }),
    `tunnel.rate_up_bit_per_second: "63999" is out of range ${range}`,
  ],
  [
    'invalid',
    createIn(with3, { rateDownBitPerSecond: 1n }),
    `tunnel.rate_down_bit_per_second: "1" is out of range ${range}`,
  ],
  [
    'invalid',
    updateIn(with3, { rateDownBitPerSecond: 100_000_000_001n }),
    `tunnel.rate_down_bit_per_second: "100000000001" is out of range ${range}`,
  ],
  [
    'invalid',
    createIn(narrow, { rateUpBitPerSecond: 1_000_000n, rateDownBitPerSecond: 20_000_001n }),
    'tunnel.rate_down_bit_per_second: "20000001" is more than the uplink of node p2 carries (at most 20000000 (20M))',
  ],
  [
    'invalid',
    createIn(narrow, { popIds: ['p1', 'p2'], rateUpBitPerSecond: 30_000_000n }),
    'tunnel.rate_up_bit_per_second: "30000000" is more than the uplink of node p2 carries (at most 20000000 (20M))',
  ],
  [
    'invalid',
    nodeOf({ uplinkBitPerSecond: 1n }),
    'node.uplink_bit_per_second: "1" is out of range (1000000 to 100000000000 bit/s; 0: not known)',
  ],
  [
    'invalid',
    nodeIn(with3, 'p1', 999_999n),
    'node.uplink_bit_per_second: "999999" is out of range (1000000 to 100000000000 bit/s; 0: not known)',
  ],
  ['not-found', nodeIn(with3, 'p9', 0n), 'node: "p9" is no node of this network (one that exists)'],
  [
    'required',
    nodeIn(with3, 'p1'),
    'node: "p1" is given nothing to change (uplink_bit_per_second, heartbeat, last_resort, routing_window or restart_routing)',
  ],
  [
    'stale-etag',
    nodeIn(with3, 'p1', 0n, '9'),
    'change.etag: "9" is not the etag any more (read it again: it is 1 now)',
  ],
];

describe('[T9] no rate', () => {
  test.each(named(refusals))('$message', ({ reason, outcome, message }) => {
    expect(outcome).toMatchObject({ refused: reason, message });
  });
});

const written = (outcome: unknown, kind: string) =>
  decisionOf(outcome).writes.find((write) => write.kind === kind && write.op === 'put');

describe('[T9] a rate', () => {
  test('of a new tunnel stands in its record', () => {
    const rates = { rateUpBitPerSecond: 10_000_000n, rateDownBitPerSecond: 50_000_000n };
    expect(written(createIn(with3, rates), 'tunnel')).toMatchObject({ record: rates });
  });

  test('is judged by the uplinks of the nodes that carry the tunnel', () => {
    const wide = createIn(narrow, { popIds: ['p1', 'p3'], rateUpBitPerSecond: 30_000_000n });
    expect(written(wide, 'tunnel')).toMatchObject({ record: { rateUpBitPerSecond: 30_000_000n } });
  });

  test('changes alone, and ends with 0', () => {
    expect(written(updateIn(with3, { rateUpBitPerSecond: 64_000n }), 'tunnel')).toMatchObject({
      record: { rateUpBitPerSecond: 64_000n, rateDownBitPerSecond: 0n, mtu: 1420 },
    });
    expect(written(updateIn(with3, { rateUpBitPerSecond: 0n }), 'tunnel')).toMatchObject({
      record: { rateUpBitPerSecond: 0n },
    });
  });

  test("of a node's uplink is written and taken back", () => {
    expect(written(nodeIn(with3, 'p1', 1_000_000_000n, '1'), 'node')).toMatchObject({
      record: { id: 'p1', asn: 4_200_000_001, uplinkBitPerSecond: 1_000_000_000n },
    });
    expect(written(nodeIn(narrow, 'p2', 0n), 'node')).toMatchObject({ record: { uplinkBitPerSecond: 0n } });
  });
});
