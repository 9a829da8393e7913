import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Client } from '#internal/client/client.ts';
import { apiClient } from '#internal/testkit/api-client.ts';
import type { ApiDaemon, ApiNetwork } from '#internal/testkit/api-network.ts';
import { apiNetwork } from '#internal/testkit/api-network.ts';
import { cli } from '#internal/testkit/cli-world.ts';
import { memoryStore } from '#internal/testkit/memory-store.ts';
import { createPops, popRequest } from '#internal/testkit/requests.ts';

let network: ApiNetwork;
let client: Client;
const folder = mkdtempSync(join(tmpdir(), 'operating-'));
beforeAll(async () => {
  network = await apiNetwork(memoryStore().follower, ['p1']);
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

test('the manual has commands in each of its sections', () => {
  for (const each of section.split(/^## /m)) expect(each).toContain('npx pop44 ');
});

// In their order, each on what those before it left.
test.each(lines)('as the manual has it: pop44 %s', async (line) => {
  const { code, stderr } = await cli(client, words(line.replaceAll('$PWD', folder)));
  expect([code, stderr]).toEqual([0, expect.not.stringContaining('pop44:') as unknown]);
});
