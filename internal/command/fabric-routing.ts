// Fabric routing: by what trusted nodes tell each other their routes. One protocol follows the other by a time in which both stand
// (adr/0047): what each node has then is the daemons' matter, and is told here.

import { clone, create } from '@bufbuild/protobuf';
import { type Refusal, refuse } from '#internal/errors/errors.ts';
import { FabricRouting, NetworkSchema } from '#internal/gen/pop44/store/v1/records_pb.ts';
import {
  type SetFabricRoutingRequest,
  type SetFabricRoutingResponse,
  SetFabricRoutingResponseSchema,
} from '#internal/gen/pop44/v1/fabric_pb.ts';
import { networkId, type Snapshot } from '#internal/model/model.ts';
import { type Decided, notReady, staleEtag, unchanged } from './context.ts';

const words: ReadonlyMap<FabricRouting, string> = new Map([
  [FabricRouting.EBGP, 'ebgp'],
  [FabricRouting.BESIDE, 'beside'],
  [FabricRouting.OSPF, 'ospf'],
]);

/** As the record has it; one of a newer build that says something else counts as what every build knows. */
export function fabricRouting({ network }: Snapshot): FabricRouting {
  const routing = network?.record.fabricRouting ?? FabricRouting.UNSPECIFIED;
  return words.has(routing) ? routing : FabricRouting.EBGP;
}

/** Refuses `not-ready`: sessions would be lost before others carry. */
function refusedStep(from: FabricRouting, to: FabricRouting, lacking: readonly string[]): Refusal | undefined {
  if (from === to || to === FabricRouting.BESIDE) return undefined;
  const about = { field: 'routing', value: words.get(to) ?? '' };
  if (from !== FabricRouting.BESIDE) {
    const problem = `would end every session of ${words.get(from)} before another one stands`;
    return refuse('not-ready', { ...about, problem, cure: '"beside" before, or --force' });
  }
  if (lacking.length === 0) return undefined;
  const problem = `would end sessions that carry: ${lacking.join('; ')}`;
  return refuse('not-ready', { ...about, problem, cure: 'wait for them, see pop44 network routing, or --force' });
}

/**
 * Refuses `not-ready` (no network; sessions that carry would end), `stale-etag` (of the network), `invalid`.
 * @param lacking what nodes lack of the sessions of both routings, in words
 */
export function setFabricRouting(
  snapshot: Snapshot,
  { change, routing, force }: SetFabricRoutingRequest,
  lacking: readonly string[],
): Refusal | Decided<SetFabricRoutingResponse> {
  const unready = notReady(snapshot);
  if (unready !== undefined) return unready;
  const { network } = snapshot;
  const stale = staleEtag(change, network?.revision ?? 0n);
  if (stale !== undefined) return stale;
  if (!words.has(routing)) {
    const cure = [...words].map(([number, word]) => `${number} (${word})`).join(', ');
    return refuse('invalid', { field: 'routing', value: String(routing), problem: 'is no routing of a fabric', cure });
  }
  const refusal = force ? undefined : refusedStep(fabricRouting(snapshot), routing, lacking);
  if (refusal !== undefined) return refusal;
  const record = Object.assign(clone(NetworkSchema, network?.record ?? create(NetworkSchema)), {
    fabricRouting: routing,
  });
  return {
    decision: {
      compares: [unchanged('network', networkId, network)],
      writes: [{ op: 'put', kind: 'network', id: networkId, record }],
    },
    response: create(SetFabricRoutingResponseSchema, { routing }),
  };
}
