import { clone, create } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { EndpointMode, PopKind, UpstreamSchema } from '#internal/gen/pop44/store/v1/records_pb.ts';
import { DeleteUpstreamRequestSchema } from '#internal/gen/pop44/v1/fabric_pb.ts';
import type { Snapshot } from '#internal/model/model.ts';
import { grouped } from '#internal/testkit/anycast-group.ts';
import { context, decisionOf, fabric } from '#internal/testkit/fabric-requests.ts';
import { createLedger } from '#internal/testkit/ledger.ts';
import { altered, changed } from '#internal/testkit/tunnel-requests.ts';
import { deleteUpstream } from './command.ts';

const end = (snapshot: Snapshot, upstream: string, rest: object = {}) =>
  deleteUpstream(snapshot, create(DeleteUpstreamRequestSchema, { upstream, ...rest }), context);
const silent = (problem: string) => ({
  refused: 'in-use',
  message: `upstream: ${problem} (pop44 upstream create another one before, or --force)`,
});
/** The fabric with another session of a node. */
const besides = (like: string, id: string, rest: object = {}): Snapshot => {
  const record = clone(UpstreamSchema, fabric.upstreams.get(like)?.record ?? create(UpstreamSchema));
  Object.assign(record, { id, ...rest });
  return changed(fabric, { kind: 'upstream', id, stored: { revision: 9n, record } });
};
const onlyP1 = ['p2-pop', 'p3-pop'].reduce((before, id) => changed(before, { kind: 'upstream', id }), fabric);

test('the last session that hears of an endpoint stays, unless forced, and the refusal names what falls silent [N7]', () => {
  expect(end(fabric, 'p3-transport')).toMatchObject(
    silent(
      '"p3-transport" is the last that hears of the endpoint 44.27.0.3, as node p3 announces it and ' +
        'the endpoint 2001:db8:1:e3::1, as node p3 announces it',
    ),
  );
  expect(decisionOf(end(fabric, 'p3-transport', { force: true })).writes).toEqual([
    { op: 'delete', kind: 'upstream', id: 'p3-transport' },
  ]);
  expect(decisionOf(end(besides('p3-transport', 'p3-second'), 'p3-transport')).writes).toHaveLength(1);
  expect(end(besides('p3-transport', 'p3-second', { neighbor6: '' }), 'p3-transport')).toMatchObject(
    silent('"p3-transport" is the last that hears of the endpoint 2001:db8:1:e3::1, as node p3 announces it'),
  );
  // Nobody announces it for p3, which would carry its PoP and say so to nobody.
  expect(end(besides('p3-transport', 'p1-second', { nodeId: 'p1' }), 'p3-transport')).toMatchObject({
    refused: 'in-use',
  });
});

test('what is announced is the endpoint of the anycast group, and nothing where it stands on a LAN [N8]', () => {
  expect(end(grouped(fabric, ['p1', 'p3'], { endpoint6: '' }), 'p3-transport')).toMatchObject(
    silent('"p3-transport" is the last that hears of the endpoint 198.18.200.1, as node p3 announces it'),
  );
  const onLan = altered('pop', 'p3', { endpointMode: EndpointMode.L2 });
  expect(decisionOf(end(onLan, 'p3-transport')).writes).toHaveLength(1);
});

test('a session that hears of pools goes while another CORE has one; the last one stays [A4]', () => {
  expect(decisionOf(end(fabric, 'p1-pop')).writes).toHaveLength(1);
  expect(end(onlyP1, 'p1-pop')).toMatchObject(
    silent('"p1-pop" is the last that hears of 44.31.0.0/22 and 2001:db8:44::/48'),
  );
  const regional = altered('pop', 'p1', { kind: PopKind.REGIONAL });
  expect(decisionOf(end(regional, 'p1-pop')).writes).toHaveLength(1);
});

test('of the last two that are deleted at the same moment one stays', () => {
  const two = changed(fabric, { kind: 'upstream', id: 'p3-pop' });
  const ledger = createLedger(two);
  const [one, other] = [decisionOf(end(two, 'p1-pop')), decisionOf(end(two, 'p2-pop'))];
  expect(ledger.commit(one)).toBeDefined();
  expect(ledger.commit(other)).toBeUndefined();
  expect(end(ledger.snapshot, 'p2-pop')).toMatchObject({ refused: 'in-use' });
});

test('what a revoked node would announce is missed by nobody; an unknown id and a stale etag change nothing', () => {
  const revoked = altered('node', 'p3', { revokedAt: { seconds: 1n, nanos: 0 } });
  expect(decisionOf(end(revoked, 'p3-transport')).writes).toHaveLength(1);
  expect(end(fabric, 'p9')).toMatchObject({ refused: 'not-found', field: 'upstream', value: 'p9' });
  expect(end(fabric, 'p1-pop', { change: { etag: '99' } })).toMatchObject({ refused: 'stale-etag' });
});
