import { create } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import type { Client } from '#internal/client/client.ts';
import { refuse } from '#internal/errors/errors.ts';
import { FabricRouting } from '#internal/gen/pop44/store/v1/records_pb.ts';
import { ListNodesResponseSchema, SetFabricRoutingResponseSchema } from '#internal/gen/pop44/v1/fabric_pb.ts';
import { Refused } from '#internal/rpc/rpc.ts';
import { cli } from '#internal/testkit/cli-world.ts';
import { recorder } from '#internal/testkit/recorder.ts';

const { EBGP, BESIDE, OSPF } = FabricRouting;
const lacks = refuse('not-ready', { field: 'routing', problem: 'would end sessions that carry', cure: 'wait' });

/** A network whose nodes have all sessions of both after so many refused tries. */
function network(from: FabricRouting, tries: number): { readonly client: Client; readonly asked: unknown[] } {
  const asked: unknown[] = [];
  let [routing, left] = [from, tries];
  const { client } = recorder({ waitApplied: { pendingNodeIds: [] } });
  const setFabricRouting = async (request: { readonly routing?: FabricRouting; readonly force?: boolean }) => {
    const { routing: wanted = EBGP, force = false } = request;
    asked.push([wanted, force]);
    if (!force && wanted !== BESIDE && wanted !== routing) {
      left -= 1;
      if (left >= 0) throw new Refused(lacks);
    }
    routing = wanted;
    return create(SetFabricRoutingResponseSchema, { changed: { revision: 7n }, routing });
  };
  const nodes = [
    { node: { id: 'p1' }, routingChange: 'ready' },
    { node: { id: 'p2' }, routingChange: 'waits for sessions with p1' },
  ];
  const listNodes = async () => create(ListNodesResponseSchema, { nodes, fabricRouting: routing });
  return { client: { ...client, fabric: { ...client.fabric, setFabricRouting, listNodes } }, asked };
}

test('from one routing to the other both stand until no session is missing [N5]', async () => {
  const { client, asked } = network(EBGP, 2);
  const done = await cli(client, 'network routing ospf');
  expect([done.code, done.stderr]).toEqual([0, expect.stringContaining('routing is ospf')]);
  expect(asked).toEqual([[BESIDE, false], ...[1, 2, 3].map(() => [OSPF, false])]);
  const back = network(OSPF, 0);
  expect((await cli(back.client, 'network routing ebgp')).code).toBe(0);
  expect(back.asked).toEqual([
    [BESIDE, false],
    [EBGP, false],
  ]);
});

test('when the time is over both stand, and it says what is missing and how to go on', async () => {
  const { client } = network(EBGP, 1_000);
  const late = await cli(client, 'network routing ospf --wait=1');
  expect(late.code).toBe(4);
  expect(late.stderr).toContain('both routings stand');
  expect(late.stderr).toContain('would end sessions that carry');
  expect(late.stderr).toContain('pop44 network routing ospf goes on');
});

test('beside, what is already, and --force are one step each', async () => {
  for (const [line, from, asked] of [
    ['beside', OSPF, [[BESIDE, false]]],
    ['ospf', OSPF, [[OSPF, false]]],
    ['ospf', BESIDE, [[OSPF, false]]],
    ['ospf --force', EBGP, [[OSPF, true]]],
  ] as const) {
    const at = network(from, 0);
    expect((await cli(at.client, `network routing ${line}`)).code).toBe(0);
    expect(at.asked, line).toEqual(asked);
  }
});

test('without a word it is shown, with what a change waits for; a word that is none is refused', async () => {
  const { client, asked } = network(BESIDE, 0);
  const shown = await cli(client, 'network routing');
  expect(shown.stdout).toContain('beside');
  expect(shown.stdout).toContain('p2 waits for sessions with p1');
  expect((await cli(client, 'network routing rip')).code).toBe(2);
  expect(asked).toEqual([]);
});
