// Node restart: a node's BIRD is started anew, as after an upgrade of it, and nobody misses it meanwhile.
//
// Its neighbours are told first that its silence will be that of a restart (Node.routing_window): without that, BFD has them
// give up every route by it in 0.3 s, and with it for ever, they would keep those of a node that has died.

import { type Command, Option } from 'commander';
import type { Client } from '#internal/client/client.ts';
import { Plane } from '#internal/gen/pop44/store/v1/records_pb.ts';
import type { NodeState, UpdateNodeRequest } from '#internal/gen/pop44/v1/fabric_pb.ts';
import { UsageError } from './io.ts';
import type { Session } from './session.ts';

const planes = { pop: Plane.POP, transport: Plane.TRANSPORT } as const;
type PlaneName = keyof typeof planes;

/** Milliseconds that all nodes may take for one of the three changes: a restart waits 15 s for its sessions. */
const withinMs = 30_000;

type Wanted = Partial<Pick<UpdateNodeRequest, 'routingWindow' | 'restartRouting'>>;

/** @throws when a node has not applied it in time */
async function everywhere({ fabric, status }: Client, node: string, wanted: Wanted): Promise<void> {
  const { changed } = await fabric.updateNode({ node, ...wanted });
  const signal = AbortSignal.timeout(withinMs);
  for await (const { pendingNodeIds } of status.waitApplied({ revision: changed?.revision ?? 0n }, { signal }))
    if (pendingNodeIds.length === 0) return;
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
      await everywhere(client, of, { routingWindow: true });
      try {
        await everywhere(client, of, { restartRouting: planes[plane] });
      } finally {
        await everywhere(client, of, { routingWindow: false });
      }
      const { failingSteps = 0, failure = '' } = (await stateOf()) ?? {};
      if (failingSteps > 0) throw new Error(`${of}: ${failure}`);
      session.say(`BIRD ${plane} of ${of} was started anew`);
    });
}
