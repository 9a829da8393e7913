import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { expect, test } from 'vitest';
import { Fault, refuse } from '#internal/errors/errors.ts';
import { GetTunnelUsageResponseSchema, TunnelSchema } from '#internal/gen/pop44/v1/tunnels_pb.ts';
import { Refused } from '#internal/rpc/rpc.ts';
import { recorder } from '#internal/testkit/recorder.ts';
import { stateOf, tunnelLook } from './tunnel-state.ts';

const now = 1_800_000_000_000;
const tunnel = (fields: object) => create(TunnelSchema, { id: 'ab12', enabled: true, keepaliveSeconds: 25, ...fields });
const lastAgo = (ms: number) =>
  create(GetTunnelUsageResponseSchema, { upBytes: 1_500n, nodes: [{ last: timestampFromMs(now - ms) }, {}] });

test.each([
  ['never seen', {}, undefined, 'waiting'],
  ['its handshake was seen, its bytes not yet', { heldByNodeId: 'p1' }, undefined, 'up'],
  ['a packet a moment ago', { heldByNodeId: 'p1' }, lastAgo(10_000), 'up'],
  ['three keepalives are missing', { heldByNodeId: 'p1' }, lastAgo(81_000), 'quiet'],
  ['no keepalive, within a session', { heldByNodeId: 'p1', keepaliveSeconds: 0 }, lastAgo(170_000), 'up'],
  ['no keepalive, past a session', { heldByNodeId: 'p1', keepaliveSeconds: 0 }, lastAgo(181_000), 'quiet'],
  ['switched off', { enabled: false, heldByNodeId: 'p1' }, lastAgo(10), 'off'],
  ['seen, and whether it is up was not asked', { heldByNodeId: 'p1' }, 'not asked' as const, 'seen'],
  ['never seen, and not asked', {}, 'not asked' as const, 'waiting'],
  ['stopped, whatever else', { enabled: false, suspension: { reason: 'x' } }, lastAgo(10), 'stopped'],
])('%s', (_, fields, usage, word) => {
  expect(stateOf(tunnel(fields), usage, new Date(now)).word).toBe(word);
});

test('bytes are told in units of a thousand', () => {
  expect(stateOf(tunnel({}), lastAgo(0), new Date(now))).toMatchObject({ sent: '1.5 kB', received: '0 B' });
});

test('a list asks for its owner’s tunnels alone, without their bytes; a tunnel’s page for its own', async () => {
  const owner = 'user/3f2a8c1b9d04';
  const answers = {
    whoAmI: { user: { callsign: 'OE1ADA', owner } },
    listTunnels: { tunnels: [{ id: 'ab12', enabled: true, heldByNodeId: 'p1' }] },
    getTunnel: { tunnel: { id: 'ab12', enabled: true, heldByNodeId: 'p1' } },
    getTunnelUsage: { upBytes: 1_500n },
  };
  const { client, sent } = recorder(answers);
  const list = tunnelLook('');
  for (let turn = 0; turn < 2; turn += 1)
    expect(await list(client, {}, new Date(now))).toMatchObject([{ label: 'Last at p1' }]);
  expect(sent.map(({ method }) => method)).toEqual(['whoAmI', 'listTunnels', 'listTunnels']);
  expect(sent.slice(1).every(({ request }) => (request as { owner: string }).owner === owner)).toBe(true);
  sent.length = 0;
  expect(await tunnelLook('ab12')(client, {}, new Date(now))).toMatchObject([{ sent: '1.5 kB' }]);
  expect(sent.map(({ method, request }) => [method, request])).toEqual([
    ['getTunnel', { tunnel: 'ab12' }],
    ['getTunnelUsage', { tunnel: 'ab12' }],
  ]);
});

test('a tunnel that is gone is told so; nodes that do not answer hide nothing else', async () => {
  const tunnel = { id: 'ab12', enabled: true, heldByNodeId: 'p1' };
  const gone = new Refused(refuse('not-found', { field: 'tunnel', problem: 'is no tunnel', cure: '' }));
  const of = (answers: object) =>
    tunnelLook('ab12')(recorder({ getTunnel: { tunnel }, ...answers }).client, {}, new Date(now));
  await expect(of({ getTunnelUsage: gone })).rejects.toThrow(gone);
  expect(await of({ getTunnelUsage: new Fault('unavailable', 'away') })).toMatchObject([{ word: 'up' }]);
});
