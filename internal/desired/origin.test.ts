import { expect, test } from 'vitest';
import type { Snapshot } from '#internal/model/model.ts';
import { PopKind } from '#internal/gen/pop44/store/v1/records_pb.ts';
import { pairSnapshot } from '#internal/testkit/pair.ts';
import { threePops } from '#internal/testkit/three-pops.ts';
import { altered } from '#internal/testkit/tunnel-requests.ts';
import { desired } from './desired.ts';

const textOf = (nodeId: string, snapshot: Snapshot): string =>
  desired(snapshot, { nodeId, interconnectKeyFile: '/keys/interconnect' }, new Set<string>()).bird.get('pop')?.text ??
  '';
const recursive = (text: string): readonly string[] =>
  [...text.matchAll(/route \S+ recursive ([^\s;]+);/g)].map(([, address = '']) => address);
/** Families in which it announces the pools without hearing anybody. */
const alone = (text: string): readonly string[] =>
  [...text.matchAll(/protocol static p44alone([46])/g)].map(([, family = '']) => family);

test('the pools are announced by way of the loopbacks of the other COREs, and without them by one node alone [N4]', () => {
  expect(recursive(textOf('p2', threePops()))).toEqual([
    '198.18.210.1',
    '198.18.210.3',
    '2001:db8:1:f1::1',
    '2001:db8:1:f3::1',
  ]);
  expect(['p1', 'p2', 'p3'].map((id) => alone(textOf(id, threePops())))).toEqual([['4', '6'], [], []]);
});

test.each([
  ['the one that is named', altered('network', 'network', { lastResortNodeId: 'p3' }), ['', '', '46']],
  ['the first, where the named one is gone', altered('network', 'network', { lastResortNodeId: 'p9' }), ['46', '', '']],
  ['the first that is a CORE', altered('pop', 'p1', { kind: PopKind.REGIONAL }), ['', '46', '']],
  ['the first that has an upstream, of each family', altered('upstream', 'p1-pop', { neighbor6: '' }), ['4', '6', '']],
  ['one that is in force', altered('node', 'p1', { revokedAt: { seconds: 1n, nanos: 0 } }), ['', '46', '']],
] as const)('last resort is %s', (_, snapshot, want) => {
  // A revoked node has a text of its own no more than others hear of it.
  const texts = ['p1', 'p2', 'p3'].map((id) => textOf(id, snapshot));
  expect(texts.map((text) => alone(text).join(''))).toEqual(want);
});

test('the only CORE announces whatever it hears, by the usual path', () => {
  let snapshot = threePops();
  for (const id of ['p2', 'p3'])
    snapshot = { ...snapshot, pops: snapshot.pops.delete(id), nodes: snapshot.nodes.delete(id) };
  const text = textOf('p1', snapshot);
  expect([recursive(text), alone(text), text.includes('bgp_path.prepend')]).toEqual([[], ['4', '6'], false]);
});

test("the other node of one's own PoP is nobody who is reached by the fabric", () => {
  expect(recursive(textOf('p3', pairSnapshot())).filter((address) => address.includes('.'))).toEqual([
    '198.18.210.1',
    '198.18.210.2',
  ]);
});
