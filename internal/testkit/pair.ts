// Pair: the three PoPs, and a second node p4 beside p3 that shares its endpoint.

import { clone } from '@bufbuild/protobuf';
import { type Node, NodeSchema } from '#internal/gen/pop44/store/v1/records_pb.ts';
import { emptySnapshot, fold, type Snapshot } from '#internal/model/model.ts';
import type { RecordEvent } from '#internal/model/record.ts';
import { fabricEvents, testKey } from './three-pops.ts';

export const heartbeats = { p3: '172.30.34.1', p4: '172.30.34.2' } as const;

/** `change`: what a test wants otherwise of the second node. */
export function pairSnapshot(change: Partial<Node> = {}): Snapshot {
  const events = [...fabricEvents()];
  const node = (fields: Partial<Node>): RecordEvent[] => {
    const base = events.find(({ kind, id }) => kind === 'node' && id === 'p3');
    if (base?.kind !== 'node' || base.stored === undefined) return [];
    const record = Object.assign(clone(NodeSchema, base.stored.record), fields);
    return [{ kind: 'node', id: record.id, stored: { revision: 2n, record } }];
  };
  const second = {
    id: 'p4',
    heartbeat: heartbeats.p4,
    asn: 4_200_000_004,
    underlay4: '198.18.4.2',
    loopback4: '198.18.210.4',
    loopback6: '2001:db8:1:f4::1',
    meshAddress: 'fd44:44::4',
    meshPublicKey: testKey(204),
    interconnectPublicKey: testKey(304),
    ...change,
  };
  const all = [...events, ...node({ heartbeat: heartbeats.p3 }), ...node(second)];
  return fold(emptySnapshot(), { revision: 2n, relisted: true, events: all }).snapshot;
}
