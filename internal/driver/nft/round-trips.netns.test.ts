// Round trips: the rules of the transport namespace of a pair, in a kernel, with messages as WireGuard's.

import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { desired } from '#internal/desired/desired.ts';
import { run } from '#internal/exec/exec.ts';
import { pairSnapshot } from '#internal/testkit/pair.ts';
import { readTrips } from './round-trips.ts';

const name = 'trips';
const netns = `/run/netns/${name}`;
const client = '192.0.2.7';

beforeAll(() => {
  mkdirSync('/run/netns', { recursive: true });
  execFileSync('ip', ['netns', 'add', name]);
});
afterAll(() => {
  execFileSync('ip', ['netns', 'del', name]);
});

/** Each line: a message's type, the two indices after it, from the node or to it, and milliseconds to wait before it. */
const script = `
const { createSocket } = require('node:dgram');
const [endpoint, client, messages] = process.argv.slice(1);
const sockets = { node: createSocket('udp4'), client: createSocket('udp4') };
const bound = (socket, port, address) => new Promise((resolve) => socket.bind(port, address, resolve));
const bytes = { 1: 148, 2: 92, 4: 32 };
void (async () => {
  await bound(sockets.node, 51820, endpoint);
  await bound(sockets.client, 4000, client);
  for (const [from, type, first, second, waitMs] of JSON.parse(messages)) {
    await new Promise((resolve) => setTimeout(resolve, waitMs));
    const message = Buffer.alloc(bytes[type]);
    message[0] = type;
    message.writeUInt32LE(first, 4);
    message.writeUInt32LE(second, 8);
    const to = from === 'node' ? [4000, client] : [51820, endpoint];
    await new Promise((resolve) => sockets[from].send(message, ...to, resolve));
  }
  process.exit(0);
})();
`;

type Message = readonly ['node' | 'client', 1 | 2 | 4, number, number, number];

test('the kernel tells how long an answer to a handshake took, whatever an older session still brings [N7]', async () => {
  const snapshot = pairSnapshot();
  const made = desired(snapshot, { nodeId: 'p3', interconnectKeyFile: '/keys/interconnect' }, new Set<string>());
  const endpoint = snapshot.pops.get('p3')?.record.endpoint4 ?? '';
  const rules = `
table inet pop44 {
${made.ruleset.get('transport')?.text}
}
add element inet pop44 lease { 17 timeout 1m }
# As the socket of WireGuard has it.
table inet marks {
  chain marking { type filter hook output priority -10; udp sport 51820 meta mark set 0x44; }
}
`;
  await run({ file: 'nft', args: ['-f', '-'], input: rules, netns });
  const addresses = [endpoint, client].map((address) => `address add ${address}/32 dev lo`);
  await run({ file: 'ip', args: ['-batch', '-'], input: ['link set lo up', ...addresses, ''].join('\n'), netns });
  const send = (...messages: readonly Message[]) =>
    run({ file: process.execPath, args: ['-e', script, endpoint, client, JSON.stringify(messages)], netns });
  expect([...(await readTrips(netns))]).toEqual([]);
  // A client's handshake: what it still sends in the session before comes at once, its answer later.
  await send(['node', 2, 77, 1, 0], ['client', 4, 5, 0, 10], ['client', 4, 77, 0, 140], ['client', 4, 77, 0, 100]);
  const [trip] = [...(await readTrips(netns))];
  expect(trip?.[0]).toBe(`${client}:4000`);
  expect(trip?.[1]).toBeGreaterThanOrEqual(140);
  // A shorter one of a call of ours, which a response answers.
  await send(['node', 1, 88, 0, 0], ['client', 2, 1, 88, 60], ['client', 4, 88, 0, 400]);
  const [next] = [...(await readTrips(netns))];
  expect(next?.[1]).toBeGreaterThanOrEqual(50);
  expect(next?.[1]).toBeLessThan(trip?.[1] ?? 0);
}, 30_000);
