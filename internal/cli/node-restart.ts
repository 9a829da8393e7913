// Node restart: a node's BIRD is started anew, as after an upgrade of it, and nobody misses it meanwhile.
//
// Its neighbours are told first that its silence will be that of a restart (Node.routing_window): without that, BFD has them
// give up every route by it in 0.3 s, and with it for ever, they would keep those of a node that has died.

import { type Command, Option } from 'commander';
import type { Client } from '#internal/client/client.ts';
import { messageOf } from '#internal/errors/errors.ts';
import { Plane } from '#internal/gen/pop44/store/v1/records_pb.ts';
import type { NodeState } from '#internal/gen/pop44/v1/fabric_pb.ts';
import { UsageError } from './io.ts';
import type { Session } from './session.ts';
import { waitUntilApplied } from './wait-applied.ts';

const planes = { pop: Plane.POP, transport: Plane.TRANSPORT } as const;
type PlaneName = keyof typeof planes;

/** For each of the two changes that are waited for: a restart waits 15 s for its sessions. */
const withinSeconds = 30;

/** The node, and those at the other ends of its interconnects that can be asked: one that is dead keeps no route by it. */
async function concerned({ fabric }: Client, of: string): Promise<string[]> {
  const [{ nodes }, { interconnects }] = await Promise.all([fabric.listNodes({}), fabric.listInterconnects({})]);
  const near = new Set(
    interconnects.flatMap(({ nodeA, nodeB }) => (nodeA === of ? [nodeB] : nodeB === of ? [nodeA] : [])),
  );
  const connected = nodes.flatMap((each) => (each.connected && each.node !== undefined ? [each.node.id] : []));
  return [of, ...connected.filter((id) => near.has(id)).sort()];
}

/** Within the window, which ends whatever becomes of the restart. @throws NotApplied, Fault */
async function restarted(session: Session, client: Client, node: string, plane: PlaneName): Promise<void> {
  const { fabric } = client;
  const nodeIds = await concerned(client, node);
  // Nobody is waited for: who cannot be asked now learns it with its next snapshot.
  const close = (): Promise<unknown> => fabric.updateNode({ node, routingWindow: false });
  try {
    const open = await fabric.updateNode({ node, routingWindow: true });
    await waitUntilApplied(session, { revision: open.changed?.revision ?? 0n, nodeIds }, withinSeconds);
    const begun = await fabric.updateNode({ node, restartRouting: planes[plane] });
    await waitUntilApplied(session, { revision: begun.changed?.revision ?? 0n, nodeIds: [node] }, withinSeconds);
  } catch (thrown) {
    await close().catch((cause: unknown) => {
      // Of a node that is none there is no window either.
      if (cause instanceof Error && cause.name === 'Refused') return;
      const cure = `pop44 node restart-routing ${node} once more ends that`;
      session.say(`neighbours may still take a silence of ${node} for a restart: ${messageOf(cause)} (${cure})`);
    });
    throw thrown;
  }
  await close();
}

export function restartRoutingVerb(node: Command, session: Session): void {
  node
    .command('restart-routing')
    .argument('<node>')
    .description(
      "start a node's BIRD anew, as after an upgrade of it; its routes stay meanwhile, here and at its neighbours",
    )
    .addOption(
      new Option('--plane <plane>', 'pop: of pools and interconnects; transport: of the endpoint')
        .choices(Object.keys(planes))
        .default('pop'),
    )
    .action(async (of: string, { plane }: { readonly plane: PlaneName }) => {
      const client = await session.client();
      const stateOf = async (): Promise<NodeState | undefined> =>
        (await client.fabric.listNodes({})).nodes.find((each) => each.node?.id === of);
      // BIRD's silence is what its sibling takes for its end (adr/0021).
      if (plane === 'transport' && (await stateOf())?.role === 'active')
        throw new UsageError(`${of} carries its PoP; have its sibling take it over first, then restart it`);
      await restarted(session, client, of, plane);
      const { failingSteps = 0, failure = '' } = (await stateOf()) ?? {};
      if (failingSteps > 0) throw new Error(`${of}: ${failure}`);
      session.say(`BIRD ${plane} of ${of} was started anew`);
    });
}
