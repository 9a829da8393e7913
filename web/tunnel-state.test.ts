import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { expect, test } from 'vitest';
import { GetTunnelUsageResponseSchema, TunnelSchema } from '#internal/gen/pop44/v1/tunnels_pb.ts';
import { stateOf } from './tunnel-state.ts';

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
  ['stopped, whatever else', { enabled: false, suspension: { reason: 'x' } }, lastAgo(10), 'stopped'],
])('%s', (_, fields, usage, word) => {
  expect(stateOf(tunnel(fields), usage, new Date(now)).word).toBe(word);
});

test('bytes are told in units of a thousand', () => {
  expect(stateOf(tunnel({}), lastAgo(0), new Date(now))).toMatchObject({ sent: '1.5 kB', received: '0 B' });
});
