import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { expect, test } from 'vitest';
import { Fault, refuse } from '#internal/errors/errors.ts';
import { FollowedTunnelsSchema } from '#internal/gen/pop44/v1/live_pb.ts';
import { GetTunnelUsageResponseSchema, TunnelSchema } from '#internal/gen/pop44/v1/tunnels_pb.ts';
import { Refused } from '#internal/rpc/rpc.ts';
import { recorder } from '#internal/testkit/recorder.ts';
import { stateOf, tunnelLook, usageOf } from './tunnel-state.ts';

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

const told = (...tunnels: readonly object[]) => ({
  case: 'tunnels' as const,
  value: create(FollowedTunnelsSchema, { tunnels: [...tunnels] }),
});

test('a list asks for its login’s tunnels alone, without their bytes; a tunnel’s page for its own', () => {
  const record = { id: 'ab12', enabled: true, heldByNodeId: 'p1' };
  expect(tunnelLook('').about).toMatchObject({ case: 'ownTunnels' });
  expect(tunnelLook('').show(told({ tunnel: record }), new Date(now))).toMatchObject([{ label: 'Last at p1' }]);
  expect(tunnelLook('ab12').about).toEqual({ case: 'tunnel', value: 'ab12' });
  const one = told({ tunnel: record, usage: { upBytes: 1_500n } });
  expect(tunnelLook('ab12').show(one, new Date(now))).toMatchObject([{ sent: '1.5 kB' }]);
});

test('nodes that do not answer hide nothing else', () => {
  const tunnel_ = { id: 'ab12', enabled: true, heldByNodeId: 'p1' };
  expect(tunnelLook('ab12').show(told({ tunnel: tunnel_ }), new Date(now))).toMatchObject([{ word: 'up' }]);
});

test('a tunnel that is gone is told so, whatever nodes say of its bytes', async () => {
  const gone = new Refused(refuse('not-found', { field: 'tunnel', problem: 'is no tunnel', cure: '' }));
  const of = (answer: Error) => usageOf(recorder({ getTunnelUsage: answer }).client, {}, 'ab12');
  await expect(of(gone)).rejects.toThrow(gone);
  expect(await of(new Fault('unavailable', 'away'))).toBeUndefined();
});
