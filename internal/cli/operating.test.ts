import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { create } from '@bufbuild/protobuf';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ReachParts } from '#internal/api/api.ts';
import type { Client } from '#internal/client/client.ts';
import { Fault } from '#internal/errors/errors.ts';
import { Plane } from '#internal/gen/pop44/store/v1/records_pb.ts';
import { JoinRequestSchema } from '#internal/gen/pop44/v1/join_pb.ts';
import { createRequest, readTicket } from '#internal/identity/identity.ts';
import { apiClient } from '#internal/testkit/api-client.ts';
import type { ApiDaemon, ApiNetwork } from '#internal/testkit/api-network.ts';
import { apiNetwork } from '#internal/testkit/api-network.ts';
import { cli } from '#internal/testkit/cli-world.ts';
import { memoryStore } from '#internal/testkit/memory-store.ts';
import { createPops, nodeRequest, popRequest, publicKey } from '#internal/testkit/requests.ts';

let network: ApiNetwork;
let client: Client;
const folder = mkdtempSync(join(tmpdir(), 'operating-'));
beforeAll(async () => {
  // Devices that the manual speaks of answer.
  const reach: ReachParts = {
    ask: async (_, { port }) => ({ how: port === 0 ? 'echo' : 'open', rttMs: 12, problem: '' }),
    explainAt: async (id) => {
      throw new Fault('unavailable', `${id} is not on the mesh`);
    },
  };
  network = await apiNetwork(memoryStore().follower, ['p1'], undefined, { reach });
  const [daemon] = network.daemons as [ApiDaemon];
  client = apiClient(network, daemon);
  // The PoPs of the lab, whose names the manual uses.
  await createPops(client.fabric, 1);
  for (const [n, id] of [
    [2, 'east'],
    [3, 'south'],
  ] as const) {
    await client.fabric.createPop({ pop: { ...popRequest(n), id } });
  }
  // Somebody whom p1 is joined with.
  await client.fabric.createNode({ node: { ...nodeRequest(2), popId: 'east' } });
  // As the lab's nodes have one: who announces nothing is no last resort.
  const upstream = { id: 'p1-pop', nodeId: 'p1', plane: Plane.POP, neighbor4: '198.18.11.1', neighborAsn: 64_500 };
  await client.fabric.createUpstream({ upstream });
});
afterAll(async () => {
  rmSync(folder, { recursive: true });
  await network[Symbol.asyncDispose]();
});

const text = readFileSync(new URL('../../docs/operating.md', import.meta.url), 'utf8');
const section = /^## Pools and addresses$(.*?)^## When the brake holds/ms.exec(text)?.[1] ?? '';
const lines = [...section.matchAll(/^npx pop44 (.*)$/gm).map(([, line = '']) => line)];
/** As a shell would: quotes keep words together. */
const words = (line: string): readonly string[] =>
  Array.from(line.matchAll(/'([^']*)'|\S+/g), ([word, quoted]) => quoted ?? word);

test.each([
  ...['Pools and addresses', 'Rates', 'Secrets', 'Firewalls of tunnels', 'Keys', 'Abuse desk', 'Near, and reachable'],
  ...['Joining a node', 'Certificates', 'Two nodes in a PoP', 'When a CORE is cut off', 'Mesh'],
])('the manual has commands under %s', (title) => {
  expect(new RegExp(`^## ${title}$(.*?)^## `, 'ms').exec(text)?.[1]).toContain('npx pop44 ');
});

/** What `pop44d join` on the new machine does with the token that was printed. */
async function joined(printed: string): Promise<void> {
  const ticket = readTicket(printed);
  if (ticket === undefined) throw new Error('what was printed is no token');
  const { nodeId, tokenId, secret } = ticket;
  const { der } = await createRequest(nodeId);
  const keys = { meshPublicKey: publicKey(), interconnectPublicKey: publicKey() };
  const request = { nodeId, tokenId, secret, certificateRequest: der, ...keys, requestId: 'join-1' };
  await network.daemons[0]?.join(create(JoinRequestSchema, request), new AbortController().signal);
}

// In their order, each on what those before it left.
test.each(lines)('as the manual has it: pop44 %s', async (line) => {
  const { code, stdout, stderr } = await cli(client, words(line.replaceAll('$PWD', folder)));
  if (line.startsWith('node token create p4 --pop')) await joined(stdout);
  expect([code, stderr]).toEqual([0, expect.not.stringContaining('pop44:') as unknown]);
});
