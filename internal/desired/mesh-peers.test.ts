import { clone } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { expect, test } from 'vitest';
import { meshLink } from '#internal/dataplane/ownership.ts';
import { NodeSchema } from '#internal/gen/pop44/store/v1/records_pb.ts';
import { emptySnapshot, fold, type Snapshot } from '#internal/model/model.ts';
import { testKey, threePops } from '#internal/testkit/three-pops.ts';
import { desired, edgeOf, type Self } from './desired.ts';

const fabric = threePops(3);
const nodeOf = (id: string) => {
  const stored = fabric.nodes.get(id);
  if (stored === undefined) throw new Error(id);
  return stored.record;
};
const filed = (n: number, publicKey = testKey(900 + n)) => ({
  ...{ publicKey, endpoint: `198.18.${n}.2:51844`, address: `fd44:44::${n}` },
});
const selfOf = (...peers: ReturnType<typeof filed>[]): Self => ({
  ...{ nodeId: 'p1', accessKeyFile: '/a', interconnectKeyFile: '/i', mesh: { address: 'fd44:44::1', peers } },
});
const revoked = (snapshot: Snapshot, id: string): Snapshot => {
  const record = clone(NodeSchema, nodeOf(id));
  record.revokedAt = timestampFromDate(new Date(1_000));
  const stored = { record, revision: 9n };
  return fold(snapshot, { revision: 9n, relisted: false, events: [{ kind: 'node', id, stored }] }).snapshot;
};
const meshOf = (snapshot: Snapshot, self: Self) =>
  [...desired(snapshot, self, new Set()).peer.values()]
    .filter(({ link }) => link === meshLink)
    .map(({ publicKey, allowedIps, endpoint }) => [publicKey, allowedIps[0], endpoint])
    .sort();
const expected = (id: string) => {
  const { meshPublicKey, meshAddress, underlay4, meshPort } = nodeOf(id);
  return [meshPublicKey, `${meshAddress}/128`, `${underlay4}:${meshPort}`];
};

test('the peers of the mesh are the nodes of the snapshot, whatever the file says of them [S6]', () => {
  expect(meshOf(fabric, selfOf(filed(2), filed(3)))).toEqual([expected('p2'), expected('p3')].sort());
  expect(meshOf(fabric, selfOf())).toEqual([expected('p2'), expected('p3')].sort());
});

test('a node that the snapshot does not know yet stays, and before any record all of the file do [S6]', () => {
  const four = filed(4);
  expect(meshOf(fabric, selfOf(four))).toContainEqual([four.publicKey, 'fd44:44::4/128', four.endpoint]);
  expect(meshOf(emptySnapshot(), selfOf(filed(2), filed(3)))).toHaveLength(2);
});

test('a revoked node is in no mesh, in no interconnect and in no filter of the others [S6]', () => {
  const two = filed(2, nodeOf('p2').meshPublicKey);
  const out = revoked(fabric, 'p2');
  expect(meshOf(out, selfOf(two, filed(3)))).toEqual([expected('p3')]);
  // Its key under an address that nobody has, as a hand would write it.
  expect(meshOf(out, selfOf({ ...two, address: 'fd44:44::99' }))).toEqual([expected('p3')]);
  const [before, after] = [fabric, out].map((snapshot) => desired(snapshot, selfOf(), new Set()));
  const keys = (made: typeof before) => [...(made?.peer.values() ?? [])].map(({ publicKey }) => publicKey);
  expect(keys(before)).toContain(nodeOf('p2').interconnectPublicKey);
  expect(keys(after)).not.toContain(nodeOf('p2').interconnectPublicKey);
  const text = (made: typeof before) => [...(made?.bird.values() ?? [])].map((bird) => bird.text).join('\n');
  expect(text(before)).toContain(`${nodeOf('p2').loopback4}/32`);
  expect(text(after)).not.toContain(`${nodeOf('p2').loopback4}/32`);
  // Tunnels are none of its business.
  expect(keys(after).length).toBe(keys(before).length - 2);
});

test('the node that is out goes on as it was, alone [S6]', () => {
  const out = revoked(fabric, 'p1');
  expect(desired(out, selfOf(), new Set()).link.size).toBe(desired(fabric, selfOf(), new Set()).link.size);
});

test('who manages a node is who is a peer of its mesh: nobody the file alone has, once the records say otherwise [S1]', () => {
  const edge = edgeOf({
    mesh: { address: 'fd44:44::1', port: 51844, peers: [filed(3), filed(7)] },
    api: { port: 4440 },
    metrics: { port: 9440 },
    etcd: { endpoints: [] },
  });
  const members = (snapshot: Snapshot): string | undefined => {
    const { ruleset } = desired(snapshot, { ...selfOf(filed(3), filed(7)), edge }, new Set());
    return /ip6 saddr \{ ([^}]*) \} goto member/.exec(ruleset.get('transport')?.text ?? '')?.[1];
  };
  expect(members(fabric)).toBe('fd44:44::2, fd44:44::3, fd44:44::7');
  expect(members(revoked(fabric, 'p3'))).toBe('fd44:44::2, fd44:44::7');
});
