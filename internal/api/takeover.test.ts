import { clone } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { NodeSchema, PopKind, PopSchema } from '#internal/gen/pop44/store/v1/records_pb.ts';
import { fold, type Snapshot } from '#internal/model/model.ts';
import type { RecordEvent } from '#internal/model/record.ts';
import { threePops } from '#internal/testkit/three-pops.ts';
import { orderTakeover } from './takeover.ts';

/** p1 and p2 are a pair of p1's PoP, which is REGIONAL; p3 is a node of a PoP of this kind. */
function paired(kindOfP3: PopKind): Snapshot {
  const before = threePops();
  const events: RecordEvent[] = [];
  for (const [id, { record }] of before.nodes)
    if (id !== 'p3') {
      const node = Object.assign(clone(NodeSchema, record), { popId: 'p1', heartbeat: `172.30.34.${id.slice(1)}` });
      events.push({ kind: 'node', id, stored: { record: node, revision: 9n } });
    }
  for (const [id, { record }] of before.pops) {
    const pop = Object.assign(clone(PopSchema, record), { kind: id === 'p3' ? kindOfP3 : PopKind.REGIONAL });
    events.push({ kind: 'pop', id, stored: { record: pop, revision: 9n } });
  }
  return fold(before, { revision: 9n, relisted: false, events }).snapshot;
}

async function order(nodeId: string, node: string, kindOfP3: PopKind = PopKind.REGIONAL): Promise<string> {
  const ordered: string[] = [];
  const takeOver = async (id: string): Promise<string> => {
    ordered.push(id);
    return '';
  };
  const parts = { config: { nodeId }, takeOver };
  const refusal = await orderTakeover(parts, paired(kindOfP3), node, AbortSignal.timeout(1_000)).then(
    () => '',
    (thrown: Error) => thrown.message,
  );
  expect(ordered).toEqual(refusal === '' ? [node] : []);
  return refusal;
}

test('a node is ordered by way of a CORE, or itself; another REGIONAL says whom to ask [S6]', async () => {
  expect(await order('p3', 'p1', PopKind.CORE)).toBe('');
  expect(await order('p1', 'p1')).toBe('');
  for (const other of ['p2', 'p3'])
    expect(await order(other, 'p1')).toBe(
      `node: "p1" takes orders from nodes of CORE PoPs, and ${other} is none (ask a CORE node, or p1 itself)`,
    );
});

test('what is no node, or has no sibling, is ordered nothing', async () => {
  expect(await order('p3', 'p9', PopKind.CORE)).toContain('is no node');
  expect(await order('p3', 'p3', PopKind.CORE)).toContain('has no sibling');
});
