import { create } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { EndpointMode, Plane } from '#internal/gen/pop44/store/v1/records_pb.ts';
import { UpdatePopRequestSchema } from '#internal/gen/pop44/v1/fabric_pb.ts';
import type { Snapshot } from '#internal/model/model.ts';
import { context, decisionOf, fabric, popOf, upstreamOf } from '#internal/testkit/fabric-requests.ts';
import { createLedger } from '#internal/testkit/ledger.ts';
import { altered, changed } from '#internal/testkit/tunnel-requests.ts';
import { updatePop } from './command.ts';

const l2 = EndpointMode.L2;
const both = { endpointMode: l2, gateway4: '198.18.3.1', gateway6: '2001:db8:1:3::1' };
const update = (snapshot: Snapshot, fields: object, pop = 'p3') =>
  updatePop(snapshot, create(UpdatePopRequestSchema, { pop, ...fields }), context);
const unheard = changed(fabric, { kind: 'upstream', id: 'p3-transport' });
const refusal = (outcome: unknown): unknown => (outcome as { message?: string }).message ?? 'granted';

test('an endpoint goes from upstreams to a LAN and back, with a gateway for each family [N7]', () => {
  const { writes } = decisionOf(update(unheard, both));
  expect(writes.at(-1)).toMatchObject({ kind: 'pop', id: 'p3', record: both });
  const ledger = createLedger(unheard);
  ledger.commit({ compares: [], writes });
  const back = { endpointMode: EndpointMode.UNSPECIFIED, gateway4: '', gateway6: '' };
  expect(decisionOf(update(ledger.snapshot, back)).writes.at(-1)).toMatchObject({ record: back });
  expect(decisionOf(popOf({ endpointMode: l2, gateway4: '198.18.200.254' })).writes.at(-1)).toMatchObject({
    record: { endpointMode: l2, gateway4: '198.18.200.254' },
  });
});

test.each([
  ['a mode that is none', unheard, { endpointMode: 7 as EndpointMode }, 'endpoint_mode: "7" is no mode of an endpoint'],
  ['no gateway', unheard, { ...both, gateway6: '' }, 'gateway6: is missing, the endpoint 2001:db8:1:e3::1 being on'],
  ['a gateway by BGP', unheard, { gateway4: '198.18.3.1' }, 'is of a PoP whose endpoint is announced by BGP'],
  ['another family', unheard, { ...both, gateway4: '2001:db8::1' }, 'gateway4: "2001:db8::1" is no IPv4 address'],
  ['the endpoint', unheard, { ...both, gateway4: '44.27.0.3' }, 'gateway4: "44.27.0.3" is the endpoint itself'],
  ["a node's address", unheard, { ...both, gateway4: '198.18.1.2' }, 'is the underlay address of node p1'],
  ['an address of a pool', unheard, { ...both, gateway4: '44.31.0.1' }, 'lies in the pool 44.31.0.0/22'],
  ['upstreams', fabric, both, 'whose endpoint the upstream p3-transport hears of (pop44 upstream delete p3-transport'],
  [
    'a family without an endpoint',
    changed(altered('pop', 'p3', { endpoint6: '' }), { kind: 'upstream', id: 'p3-transport' }),
    both,
    'gateway6: "2001:db8:1:3::1" is of a PoP without an IPv6 endpoint (none)',
  ],
  ['nothing', unheard, {}, 'pop: "p3" is given nothing to change'],
])('refused: %s', (_, snapshot, fields, says) => {
  expect(refusal(update(snapshot, fields))).toContain(says);
});

test('an upstream that would hear of an endpoint on a LAN is refused, also when both come at the same moment', () => {
  const ofPop3 = { nodeId: 'p3', plane: Plane.TRANSPORT, neighbor4: '198.18.99.1' };
  const ledger = createLedger(unheard);
  const [mode, upstream] = [decisionOf(update(unheard, both)), decisionOf(upstreamOf(ofPop3, unheard))];
  expect(ledger.commit(mode)).toBeDefined();
  expect(ledger.commit(upstream)).toBeUndefined();
  expect(refusal(upstreamOf(ofPop3, ledger.snapshot))).toBe(
    'upstream.plane: "transport" is nothing for PoP p3, whose endpoint stands on a LAN (pop, or endpoint mode bgp)',
  );
  expect(refusal(upstreamOf({ ...ofPop3, plane: Plane.POP }, ledger.snapshot))).toBe('granted');
});
