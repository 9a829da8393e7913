// Mesh view: which node hears which, out of what each of them told this daemon last.

import type { MessageInitShape } from '@bufbuild/protobuf';
import type { GetMeshResponseSchema, MeshCellSchema } from '#internal/gen/pop44/v1/status_pb.ts';
import { nodesInForce } from '#internal/model/model.ts';
import { type Hearing, hearsBack, isHeard } from '#internal/status/status.ts';
import { nodeStates } from './node-states.ts';
import { freshness, type ServiceContext } from './service.ts';

type Cell = MessageInitShape<typeof MeshCellSchema>;

const byText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** O(nodes²): a cell for each pair and direction. */
export function meshView(context: ServiceContext): MessageInitShape<typeof GetMeshResponseSchema> {
  const { clock, config, head, status } = context;
  const now = clock.wall();
  const snapshot = head.snapshot();
  // A revoked node is no part of the mesh: nobody is meant to hear it.
  const ids = nodesInForce(snapshot)
    .map(({ id }) => id)
    .sort();

  /** What a node hears, by who is heard; undefined when it is not known, which is not the same as silence. */
  const hearingsOf = (id: string): ReadonlyMap<string, Hearing> | undefined => {
    const known = status.of(id);
    if (id !== config.nodeId && (known === undefined || !isHeard(known, now))) return undefined;
    const told = id === config.nodeId ? status.hears(now) : (known?.report.hears ?? []);
    // A daemon of before this report tells nothing of whom it hears.
    if (told.length === 0 && id !== config.nodeId) return undefined;
    return new Map(told.map((hearing) => [hearing.nodeId, hearing]));
  };
  const views = new Map(ids.map((id) => [id, hearingsOf(id)]));

  /** Whether a node hears another; undefined: nobody knows. Of who is told nothing it hears nothing. */
  const hearsOther = (id: string, other: string): boolean | undefined => {
    const view = views.get(id);
    if (view !== undefined) return view.get(other)?.heard ?? false;
    const known = other === config.nodeId ? status.of(id) : undefined;
    return known && hearsBack(known, other, now);
  };
  /** Of a listener whose stream is silent no more is known than what its datagrams tell. */
  const beacon = (from: string): Cell[] => {
    const heard = hearsOther(from, config.nodeId);
    return heard === undefined ? [] : [{ fromNodeId: from, toNodeId: config.nodeId, heard, oneWay: !heard }];
  };

  const cells = ids.flatMap((from): Cell[] => {
    const view = views.get(from);
    if (view === undefined) return beacon(from);
    return ids
      .filter((to) => to !== from)
      .map((to): Cell => {
        const { heard = false, rttMs, clockOffsetMs } = view.get(to) ?? {};
        const back = hearsOther(to, from);
        return {
          ...{ fromNodeId: from, toNodeId: to, heard },
          ...(rttMs === undefined ? {} : { rttMs }),
          ...(clockOffsetMs === undefined ? {} : { clockOffsetMs }),
          oneWay: back !== undefined && back !== heard,
        };
      });
  });

  const nodes = nodeStates(context)
    .filter(({ node }) => node?.id !== undefined && views.has(node.id))
    .map((state) => {
      const behind = snapshot.revision - BigInt(state.appliedRevision ?? 0n);
      const certificateEnds = snapshot.certificates.get(state.node?.id ?? '')?.record.notAfter;
      const { paths: told = [], refusals = [] } = status.of(state.node?.id ?? '')?.report ?? {};
      const paths = [...told]
        .sort((a, b) => byText(a.nodeId, b.nodeId) || byText(a.link, b.link))
        .map((path) => ({ ...path, troubles: [...path.troubles] }));
      return {
        ...{ state, behind: behind > 0n ? behind : 0n, paths, refusals: [...refusals] },
        ...(certificateEnds && { certificateEnds }),
      };
    });
  return { nodeId: config.nodeId, freshness: freshness(context), nodes, cells };
}
