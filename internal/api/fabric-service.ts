// Fabric service: network, PoPs, nodes, interconnects and upstreams.

import {
  createAnycastGroup,
  createInterconnect,
  createNetwork,
  createNode,
  createPop,
  createUpstream,
  deleteAnycastGroup,
  deleteInterconnect,
  deleteUpstream,
  drainNode,
  fabricRouting,
  groupShown,
  popAccessKey,
  popShown,
  rotateInterconnectKey,
  rotatePopAccessKey,
  setFabricRouting,
  setNodeSealingKey,
  setPopAccessKey,
  setUpstreamPassword,
  undrainNode,
  updateNode,
  updatePop,
  upstreamShown,
  upstreamsWithPassword,
} from '#internal/command/command.ts';
import { FabricService } from '#internal/gen/pop44/v1/fabric_pb.ts';
import { servedPop } from '#internal/model/model.ts';
import { carriedBy } from './drained.ts';
import { lackingRoutes } from './lacking-routes.ts';
import { nodeStates } from './node-states.ts';
import { listed } from './pages.ts';
import { removingNode } from './remove-node.ts';
import type { HandlersOf, ServiceContext } from './service.ts';
import { changing, found, freshness } from './service.ts';
import { orderTakeover } from './takeover.ts';

const recordOf = <T>({ record }: { readonly record: T }): T => record;

export function fabricHandlers(context: ServiceContext): HandlersOf<typeof FabricService> {
  const { head } = context;
  const { method } = FabricService;
  return {
    createNetwork: changing(context, method.createNetwork, createNetwork),
    setFabricRouting: changing(context, method.setFabricRouting, (snapshot, request) =>
      setFabricRouting(snapshot, request, lackingRoutes(snapshot, context.status)),
    ),
    createPop: changing(context, method.createPop, createPop),
    createAnycastGroup: changing(context, method.createAnycastGroup, createAnycastGroup),
    deleteAnycastGroup: changing(context, method.deleteAnycastGroup, deleteAnycastGroup),
    updatePop: changing(context, method.updatePop, updatePop),
    createNode: changing(context, method.createNode, createNode),
    updateNode: changing(context, method.updateNode, updateNode),
    removeNode: removingNode(context),
    drainNode: changing(context, method.drainNode, (snapshot, request, given) =>
      drainNode(snapshot, request, given, carriedBy(snapshot, context.status, request.node)),
    ),
    undrainNode: changing(context, method.undrainNode, undrainNode),
    createInterconnect: changing(context, method.createInterconnect, createInterconnect),
    deleteInterconnect: changing(context, method.deleteInterconnect, deleteInterconnect),
    createUpstream: changing(context, method.createUpstream, createUpstream),
    deleteUpstream: changing(context, method.deleteUpstream, deleteUpstream),
    setUpstreamPassword: changing(context, method.setUpstreamPassword, setUpstreamPassword),
    setPopAccessKey: changing(context, method.setPopAccessKey, setPopAccessKey),
    rotatePopAccessKey: changing(context, method.rotatePopAccessKey, rotatePopAccessKey),
    setNodeSealingKey: changing(context, method.setNodeSealingKey, setNodeSealingKey),
    rotateInterconnectKey: changing(context, method.rotateInterconnectKey, rotateInterconnectKey),
    getPopAccessKey: async (request, { signal }) => {
      const answer = await found(context, signal, (snapshot) => popAccessKey(snapshot, request));
      return { ...answer, freshness: freshness(context) };
    },
    takeOver: async ({ node }, { signal }) => {
      await orderTakeover(context, head.snapshot(), node, signal);
      return {};
    },
    listPops: async () => ({
      pops: listed(head.snapshot().pops).map(({ record }) => popShown(servedPop(head.snapshot(), record))),
      freshness: freshness(context),
    }),
    listAnycastGroups: async () => ({
      groups: listed(head.snapshot().anycasts).map(({ record }) => groupShown(head.snapshot(), record)),
      freshness: freshness(context),
    }),
    listNodes: async () => ({
      nodes: nodeStates(context),
      fabricRouting: fabricRouting(head.snapshot()),
      freshness: freshness(context),
    }),
    listInterconnects: async () => ({
      interconnects: listed(head.snapshot().interconnects).map(recordOf),
      freshness: freshness(context),
    }),
    listUpstreams: async () => ({
      upstreams: listed(head.snapshot().upstreams).map(({ record }) => upstreamShown(record)),
      withPassword: [...upstreamsWithPassword(head.snapshot())],
      freshness: freshness(context),
    }),
  };
}
