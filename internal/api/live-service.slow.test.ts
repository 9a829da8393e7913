// What a site's stream is told, in whose name, and what it costs the daemon.

import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { FabricService } from '#internal/gen/pop44/v1/fabric_pb.ts';
import {
  type FollowRequestSchema,
  type FollowResponse,
  FollowNetworkSchema,
  FollowOwnTunnelsSchema,
  LiveService,
} from '#internal/gen/pop44/v1/live_pb.ts';
import { PeopleService } from '#internal/gen/pop44/v1/people_pb.ts';
import { UserRole } from '#internal/gen/pop44/store/v1/people_pb.ts';
import { PopKind } from '#internal/gen/pop44/store/v1/records_pb.ts';
import { TunnelService } from '#internal/gen/pop44/v1/tunnels_pb.ts';
import { createOutbox, type Identity } from '#internal/rpc/rpc.ts';
import { eventually } from '#internal/testkit/eventually.ts';
import { peopleNetwork, refusalOf } from '#internal/testkit/people-network.ts';
import { nodeRequest, popRequest, publicKey } from '#internal/testkit/requests.ts';

const world = await peopleNetwork();
const { a, member, network, people } = world;
const ownTunnels = { case: 'ownTunnels', value: create(FollowOwnTunnelsSchema) } as const;
const wholeNetwork = { case: 'network', value: create(FollowNetworkSchema) } as const;
const of = (id: string) => ({ case: 'tunnel', value: id }) as const;
/** Of a look and the next, and some more. */
const withinMs = 10_000;

let site: Identity;
let ada = '';
let bob = '';
const tunnelOf = new Map<string, string>();
const open: AbortController[] = [];

beforeAll(async () => {
  site = await network.identityOf('web', 'www');
  ada = await member('OE1ADA', 'ada@example.org');
  bob = await member('OE1BOB', 'bob@example.org');
  for (const [name, bearer] of [
    ['ada', ada],
    ['bob', bob],
  ] as const) {
    const tunnels = network.bearing(TunnelService, a, bearer);
    const { tunnel } = await tunnels.createTunnel({ name, publicKey: publicKey() });
    tunnelOf.set(name, tunnel?.id ?? '');
  }
});
afterEach(() => {
  for (const each of open.splice(0)) each.abort();
});
afterAll(() => world[Symbol.asyncDispose]());

/** A stream of a site: what it has heard so far, by tag. */
function stream(identity = site) {
  const out = createOutbox<MessageInitShape<typeof FollowRequestSchema>>(8);
  const ended = new AbortController();
  open.push(ended);
  const heard: FollowResponse[] = [];
  const requests = (async function* () {
    for await (const some of out.batches()) yield* some;
  })();
  const whole = (async () => {
    for await (const each of network.as(LiveService, a, identity).follow(requests, { signal: ended.signal }))
      heard.push(each);
  })();
  whole.catch(() => undefined);
  const of_ = (tag: bigint) => heard.filter((each) => each.tag === tag).map(({ said }) => said);
  return { ask: out.push, of: of_, whole, heard, end: () => out.end() };
}
const names = (said: FollowResponse['said'] | undefined): readonly string[] =>
  said?.case === 'tunnels' ? said.value.tunnels.map(({ tunnel }) => tunnel?.name ?? '') : [];

test('each question is answered as a call of its own login would be, whoever else asks on the stream [S7]', async () => {
  const { ask, of: said } = stream();
  ask({ tag: 1n, bearer: ada, about: ownTunnels });
  ask({ tag: 2n, bearer: bob, about: ownTunnels });
  ask({ tag: 3n, bearer: bob, about: of(tunnelOf.get('ada') ?? '') });
  ask({ tag: 4n, bearer: bob, about: wholeNetwork });
  ask({ tag: 5n, bearer: ada, about: of(tunnelOf.get('ada') ?? '') });
  for (const tag of [1n, 2n, 3n, 4n, 5n]) await eventually(() => said(tag).length === 1, withinMs);
  expect([1n, 2n, 5n].map((tag) => names(said(tag)[0]))).toEqual([['ada'], ['bob'], ['ada']]);
  expect(said(3n)[0]).toMatchObject({ case: 'refusal', value: { reason: 'not-found' } });
  expect(said(4n)[0]).toMatchObject({ case: 'refusal', value: { reason: 'forbidden' } });
});

test.each([
  ['none', ''],
  ['of nobody', `pop44_${'A'.repeat(43)}`],
  ['a header in it', 'pop44_x\r\nauthorization: Bearer y'],
])('a bearer that is %s lets nobody look', async (_, bearer) => {
  const { ask, of: said } = stream();
  ask({ tag: 1n, bearer, about: ownTunnels });
  await eventually(() => said(1n).length === 1, withinMs);
  expect(said(1n)[0]).toMatchObject({ case: 'refusal', value: { reason: 'unauthenticated' } });
});

test('only a site may: not an admin, a node or a stranger, who see no stream at all', async () => {
  for (const identity of [await network.identityOf('admin', 'ada'), await network.identityOf('node', 'p2')]) {
    const { whole, heard } = stream(identity);
    expect(await refusalOf(whole)).toMatchObject({ refused: 'forbidden' });
    expect(heard).toEqual([]);
  }
});

test('a question without a subject is refused, and hurts no other one', async () => {
  const { ask, of: said } = stream();
  ask({ tag: 1n, bearer: ada });
  ask({ tag: 2n, bearer: ada, about: ownTunnels });
  await eventually(() => said(2n).length === 1, withinMs);
  expect(said(1n)[0]).toMatchObject({ case: 'refusal', value: { reason: 'required', field: 'about' } });
});

test('what is the same is not told again; what has changed is, once; what was taken back is not [P4]', async () => {
  const { ask, of: said } = stream();
  ask({ tag: 1n, bearer: ada, about: ownTunnels });
  ask({ tag: 2n, bearer: ada, about: ownTunnels });
  await eventually(() => said(1n).length === 1 && said(2n).length === 1, withinMs);
  ask({ tag: 2n, about: { case: 'end', value: {} } });
  const tunnel = tunnelOf.get('ada') ?? '';
  // Others' changes move the revision, and none of this.
  await network.bearing(TunnelService, a, bob).updateTunnel({ tunnel: tunnelOf.get('bob') ?? '', enabled: false });
  await network.bearing(TunnelService, a, ada).updateTunnel({ tunnel, enabled: false });
  await eventually(() => said(1n).length === 2, withinMs);
  expect(said(1n)[1]).toMatchObject({ case: 'tunnels', value: { tunnels: [{ tunnel: { enabled: false } }] } });
  expect(said(2n)).toHaveLength(1);
  await network.bearing(TunnelService, a, ada).updateTunnel({ tunnel, enabled: true });
});

test('a login that ends, and a role that is taken away, end their questions and no others [S3] [S7]', async () => {
  const mine = await member('OE1END', 'end@example.org');
  await people().setUserRole({ user: 'OE1END', role: UserRole.AUDITOR });
  const { ask, of: said } = stream();
  ask({ tag: 1n, bearer: mine, about: wholeNetwork });
  ask({ tag: 2n, bearer: ada, about: ownTunnels });
  await eventually(() => said(1n)[0]?.case === 'network' && said(2n).length === 1, withinMs);
  await people().setUserRole({ user: 'OE1END', role: UserRole.USER });
  await eventually(() => said(1n).at(-1)?.case === 'refusal', withinMs);
  expect(said(1n).at(-1)).toMatchObject({ value: { reason: 'forbidden' } });
  ask({ tag: 3n, bearer: mine, about: ownTunnels });
  await eventually(() => said(3n).length === 1, withinMs);
  await network.bearing(PeopleService, a, mine).logout({});
  await eventually(() => said(3n).at(-1)?.case === 'refusal', withinMs);
  expect(said(3n).at(-1)).toMatchObject({ value: { reason: 'unauthenticated' } });
  expect(said(2n)).toHaveLength(1);
});

test('a regional admin follows the network, and no tunnel of others [S7]', async () => {
  const fabric = network.as(FabricService, a);
  await fabric.createPop({ pop: { ...popRequest(3), kind: PopKind.REGIONAL, singleHomed: true } });
  await fabric.createNode({ node: nodeRequest(3) });
  const regional = await member('OE1REG', 'reg@example.org');
  await people().setUserRole({ user: 'OE1REG', role: UserRole.REGIONAL_ADMIN, popIds: ['p3'] });
  const { ask, of: said } = stream();
  ask({ tag: 1n, bearer: regional, about: wholeNetwork });
  ask({ tag: 2n, bearer: regional, about: of(tunnelOf.get('ada') ?? '') });
  ask({ tag: 3n, bearer: regional, about: ownTunnels });
  for (const tag of [1n, 2n, 3n]) await eventually(() => said(tag).length >= 1, withinMs);
  expect(said(1n)[0]).toMatchObject({ case: 'network' });
  expect(said(2n)[0]).toMatchObject({ case: 'refusal', value: { reason: 'not-found' } });
  expect(names(said(3n)[0])).toEqual([]);
});

test('500 questions are one call, and no call follows them', async () => {
  const { ask, heard } = stream();
  const before = a.requests.length;
  for (let tag = 1n; tag <= 500n; tag += 1n) ask({ tag, bearer: tag % 2n === 0n ? ada : bob, about: ownTunnels });
  await eventually(() => heard.length === 500, 30_000);
  await network.as(FabricService, a).listPops({});
  expect(a.requests.slice(before)).toEqual(['LiveService.Follow', 'FabricService.ListPops']);
});

test('a site that asks nothing more is told nothing more, and its stream ends', async () => {
  const { ask, of: said, whole, end } = stream();
  ask({ tag: 1n, bearer: ada, about: ownTunnels });
  await eventually(() => said(1n).length === 1, withinMs);
  end();
  await whole;
});
