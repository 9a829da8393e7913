import { create } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { AccessKeySchema } from '#internal/gen/pop44/store/v1/records_pb.ts';
import type { Dataplane } from '#internal/dataplane/dataplane.ts';
import { fold, type Snapshot } from '#internal/model/model.ts';
import { plan, printStep } from '#internal/plan/plan.ts';
import { threePops } from '#internal/testkit/three-pops.ts';
import { desired, type Here, type Self } from './desired.ts';

const self: Self = { nodeId: 'p1', accessKeyFile: '/keys/access', interconnectKeyFile: '/keys/interconnect' };
const plain = threePops(2);

function having(fields: object): Snapshot {
  const stored = plain.pops.get('p1');
  if (stored === undefined) throw new Error('p1');
  const record = { ...stored.record, ...fields };
  const events = [{ kind: 'pop', id: 'p1', stored: { revision: plain.revision + 1n, record } }] as const;
  return fold(plain, { revision: plain.revision + 1n, relisted: false, events }).snapshot;
}
const next = create(AccessKeySchema, { publicKey: 'next', port: 51_821, sealed: { p1: new Uint8Array(8) } });
const on = (links: Readonly<Record<string, string>>): Here => ({
  has: (id) => links[id] !== undefined,
  linkOf: (id) => links[id],
});
const of = (snapshot: Snapshot, here: Here = on({})): Dataplane => desired(snapshot, self, here);
const steps = (to: Dataplane, from: Dataplane): readonly string[] =>
  plan(to, from)
    .map(printStep)
    .filter((text) => /(link|peer|route) /.test(text));
const open = having({ nextAccessKey: next });

test('a window adds an interface with the peers of the other one, and changes nothing of that [T6]', () => {
  const added = steps(of(open), of(plain));
  expect(added.every((step) => step.startsWith('+ '))).toBe(true);
  expect(added.filter((step) => step.includes('p44w1'))).toEqual(added);
  expect(of(open).link.get('p44w1')).toMatchObject({ listenPort: 51_821, fwmark: of(plain).link.get('p44w0')?.fwmark });
  const peers = (link: string) => [...of(open).peer.values()].filter((peer) => peer.link === link).length;
  expect([peers('p44w0'), peers('p44w1')]).toEqual([2, 2]);
});

test('who shakes hands on the other interface is sent to there by a route that BIRD does not learn [T6]', () => {
  const moved = steps(of(open, on({ t1: 'p44w1' })), of(open, on({ t1: 'p44w0' })));
  expect(moved).toEqual([
    expect.stringContaining('+ route pop 4396 2001:db8:44:1::/64'),
    expect.stringContaining('+ route pop 4396 44.31.0.1/32'),
  ]);
});

test('the end moves nobody: the next key stays where it is, and the home follows before the other one goes [T6]', () => {
  const here = on({ t1: 'p44w1' });
  const ended = having({
    accessKeyGeneration: 1,
    publicKey: 'next',
    endpointPort: 51_821,
    sealedAccessKey: next.sealed,
  });
  const done = steps(of(ended, here), of(open, here));
  expect(done.filter((step) => step.includes('p44w1') && step.startsWith('+'))).toEqual([]);
  const at = (part: string): number => done.findIndex((step) => step.includes(part));
  expect(at('~ route pop 4401')).toBeLessThan(at('- route pop 4396'));
  expect(at('- link p44w0')).toBe(done.length - 1);
  // The same key on the same interface: nothing of the link changes.
  expect(done.filter((step) => step.includes('link p44w1'))).toEqual([]);
});

test('a tunnel that was last seen on an interface that is no more is sent to the one that is [T6]', () => {
  expect(steps(of(plain, on({ t1: 'p44w1' })), of(plain, on({ t1: 'p44w0' })))).toEqual([]);
});
