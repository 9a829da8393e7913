import { create } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { isRefusal } from '#internal/errors/errors.ts';
import { FabricRouting, Plane } from '#internal/gen/pop44/store/v1/records_pb.ts';
import { SetFabricRoutingRequestSchema, UpdateNodeRequestSchema } from '#internal/gen/pop44/v1/fabric_pb.ts';
import { emptySnapshot } from '#internal/model/model.ts';
import { commandContext } from '#internal/testkit/command-context.ts';
import { routedBy, threePops } from '#internal/testkit/three-pops.ts';
import { fabricRouting, setFabricRouting, updateNode } from './command.ts';

const { EBGP, BESIDE, OSPF } = FabricRouting;
const set = (from: FabricRouting, routing: FabricRouting, lacking: readonly string[] = [], force = false) =>
  setFabricRouting(routedBy(threePops(), from), create(SetFabricRoutingRequestSchema, { routing, force }), lacking);
const outcome = (of: ReturnType<typeof set>): string => (isRefusal(of) ? of.message : 'done');

test('one routing follows the other by a time in which both stand, and nothing is written that skips it [N5]', () => {
  for (const [from, to] of [
    [EBGP, BESIDE],
    [BESIDE, OSPF],
    [OSPF, BESIDE],
    [BESIDE, EBGP],
    [OSPF, OSPF],
  ] as const)
    expect(set(from, to)).toMatchObject({
      decision: {
        compares: [{ kind: 'network', id: 'network' }],
        writes: [{ op: 'put', kind: 'network', record: { fabricRouting: to, uid: 'a'.repeat(32) } }],
      },
      response: { routing: to },
    });
  expect(outcome(set(EBGP, OSPF))).toBe(
    'routing: "ospf" would end every session of ebgp before another one stands ("beside" before, or --force)',
  );
  expect(outcome(set(OSPF, EBGP))).toContain('would end every session of ospf');
  expect(outcome(set(EBGP, OSPF, [], true))).toBe('done');
});

test('sessions that carry do not end while a node lacks others, and who that is stands in the refusal [N5]', () => {
  const lacking = ['p2 waits for sessions with p3', 'p3 is not heard'];
  for (const to of [OSPF, EBGP]) {
    expect(outcome(set(BESIDE, to, lacking))).toContain('p2 waits for sessions with p3; p3 is not heard');
    expect(outcome(set(BESIDE, to, lacking, true))).toBe('done');
  }
  // Nothing ends by it.
  expect(outcome(set(EBGP, BESIDE, lacking))).toBe('done');
});

test('a routing that is none, an etag of before, and a network that is not there are refused', () => {
  expect(outcome(set(EBGP, FabricRouting.UNSPECIFIED))).toBe(
    'routing: "0" is no routing of a fabric (1 (ebgp), 2 (beside), 3 (ospf))',
  );
  expect(outcome(set(EBGP, 9 as FabricRouting))).toContain('"9" is no routing');
  const request = create(SetFabricRoutingRequestSchema, { routing: BESIDE, change: { etag: '1' } });
  expect(setFabricRouting(routedBy(threePops(), EBGP), request, [])).toMatchObject({ refused: 'stale-etag' });
  expect(setFabricRouting(emptySnapshot(), request, [])).toMatchObject({ refused: 'not-ready' });
});

test('a record of a newer build that says something else is taken for eBGP', () => {
  expect(fabricRouting(threePops())).toBe(EBGP);
  expect(fabricRouting(routedBy(threePops(), 9 as FabricRouting))).toBe(EBGP);
  expect(fabricRouting(routedBy(threePops(), OSPF))).toBe(OSPF);
});

test('BIRD pop is not started anew while OSPF alone leads to its node [N8]', () => {
  const restarted = (routing: FabricRouting, restartRouting: Plane) => {
    const snapshot = routedBy(threePops(), routing);
    const request = create(UpdateNodeRequestSchema, { node: 'p1', restartRouting });
    return updateNode(snapshot, request, commandContext(snapshot));
  };
  expect(restarted(OSPF, Plane.POP)).toMatchObject({
    refused: 'not-ready',
    message: expect.stringContaining('pop44 network routing beside') as string,
  });
  for (const [routing, plane] of [
    [BESIDE, Plane.POP],
    [EBGP, Plane.POP],
    [OSPF, Plane.TRANSPORT],
  ] as const)
    expect(isRefusal(restarted(routing, plane))).toBe(false);
});
