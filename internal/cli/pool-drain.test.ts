import { create } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import type { Client } from '#internal/client/client.ts';
import type { DrainPoolRequest } from '#internal/gen/pop44/v1/pools_pb.ts';
import { DrainPoolResponseSchema } from '#internal/gen/pop44/v1/pools_pb.ts';
import { cli } from '#internal/testkit/cli-world.ts';
import { recorder } from '#internal/testkit/recorder.ts';

type Left = { readonly tunnels: number; readonly delegations: number };

/** A pool that gives up to as many of its tunnels as a call asks for, and never its delegations. */
function draining(left: Left): { readonly client: Client; readonly asked: DrainPoolRequest[] } {
  const asked: DrainPoolRequest[] = [];
  let { tunnels } = left;
  const { client } = recorder();
  const drainPool = async (request: unknown) => {
    asked.push(request as DrainPoolRequest);
    const count = Math.min((request as DrainPoolRequest).move, tunnels);
    tunnels -= count;
    return create(DrainPoolResponseSchema, {
      changed: { revision: BigInt(asked.length) },
      moves: Array.from({ length: count }, (_, at) => ({
        ...{ fromPrefix: `44.31.0.${at}/32`, toPrefix: `44.32.0.${at}/32`, tunnelId: 'ab12', owner: 'ada' },
      })),
      remaining: BigInt(tunnels + left.delegations),
      obstacles: Array.from({ length: left.delegations }, () => '44.31.1.16/28 is delegated to p3'),
    });
  };
  return { client: { ...client, pools: { ...client.pools, drainPool } }, asked };
}

test('--move goes on until nothing is left, prints each move, and says what the tunnels need', async () => {
  const { client, asked } = draining({ tunnels: 33, delegations: 0 });
  const { code, stdout, stderr } = await cli(client, 'pool drain x --to y --move --request-id r --etag 5');
  expect(code).toBe(0);
  const lines = stdout.trimEnd().split('\n');
  expect(lines).toHaveLength(33);
  expect(lines[0]).toBe('44.31.0.0/32 moved to 44.32.0.0/32 (tunnel ab12, ada)');
  expect(stderr).toContain('must be made anew');
  expect(stderr).toContain('pool x is empty\n');
  expect(asked.map(({ change }) => change)).toEqual([
    { requestId: 'r', etag: '5' },
    { requestId: 'r.1' },
    { requestId: 'r.2' },
  ]);
});

test('without --move one call freezes it and tells what is there', async () => {
  const { client, asked } = draining({ tunnels: 3, delegations: 0 });
  const { code, stdout, stderr } = await cli(client, 'pool drain x --to y');
  expect([code, stdout, asked.length]).toEqual([0, '', 1]);
  expect(stderr).toBe('pool x gives nothing more, y takes its place\n3 allocations remain in x (--move moves them)\n');
});

test('delegations stay, are listed, and the exit code is 1', async () => {
  const { client, asked } = draining({ tunnels: 1, delegations: 1 });
  const { code, stderr } = await cli(client, 'pool drain x --to y --move');
  expect([code, asked.length]).toEqual([1, 2]);
  expect(stderr).toContain('  44.31.1.16/28 is delegated to p3\npop44: 1 allocation remains in x\n');
});

test('a dry run asks once', async () => {
  const { client, asked } = draining({ tunnels: 40, delegations: 0 });
  const { code } = await cli(client, 'pool drain x --to y --move --dry-run');
  expect([code, asked.length]).toEqual([0, 1]);
});

test('as JSON each answer is a line', async () => {
  const { client } = draining({ tunnels: 20, delegations: 0 });
  const { stdout } = await cli(client, '-o json pool drain x --to y --move');
  const lines = stdout.trimEnd().split('\n');
  expect(lines.map((line) => (JSON.parse(line) as { readonly remaining: string }).remaining)).toEqual(['4', '0']);
});
