// Records: the requests by which an admin makes the lab's fabric known to pop44.

import type { Client } from '#internal/client/client.ts';
import { EndpointMode, Plane, PopKind } from '#internal/gen/pop44/store/v1/records_pb.ts';
import { recipientOf, seal } from '#internal/sealing/sealing.ts';
import type { KeyedNode } from './node-files.ts';
import { apiPort, endpointPort, internetAsn, meshPort } from './topology.ts';

const popOf = ({ node, keys }: KeyedNode) => ({
  id: node.popId,
  kind: node.heartbeat === undefined || node.core === true ? PopKind.CORE : PopKind.REGIONAL,
  description: `lab, node ${node.id}`,
  endpoint4: node.endpoint4,
  endpoint6: node.endpoint6,
  endpointPort,
  publicKey: keys.access.publicKey,
  failureDomain: node.popId,
  acceptsTunnels: true,
  ...(node.lan === true && {
    endpointMode: EndpointMode.L2,
    gateway4: node.transportGateway4,
    gateway6: node.transportGateway6,
  }),
});

const nodeOf = ({ node, keys }: KeyedNode) => ({
  id: node.id,
  popId: node.popId,
  asn: node.asn,
  loopback4: node.loopback4,
  loopback6: node.loopback6,
  meshAddress: node.meshAddress,
  meshPublicKey: keys.mesh.publicKey,
  meshPort,
  underlay4: node.underlay4,
  underlay6: node.underlay6,
  interconnectPublicKey: keys.interconnect.publicKey,
  sealingPublicKey: recipientOf(keys.sealing),
  apiPort,
  failureDomain: node.popId,
  heartbeat: node.heartbeat ?? '',
});

const upstreamsOf = ({ node }: KeyedNode) => {
  const common = { nodeId: node.id, neighborAsn: internetAsn, bfd: true };
  const { transportGateway4, transportGateway6, popGateway4, popGateway6 } = node;
  const ofPop = {
    ...common,
    id: `${node.id}-pop`,
    plane: Plane.POP,
    neighbor4: popGateway4,
    neighbor6: popGateway6,
    blackhole: true,
  };
  if (node.lan === true) return [ofPop];
  const ofTransport = {
    ...common,
    id: `${node.id}-transport`,
    plane: Plane.TRANSPORT,
    neighbor4: transportGateway4,
    neighbor6: transportGateway6,
  };
  return [ofTransport, ofPop];
};

/** Each sealing gives another ciphertext: a repeat finds it done, or does it again. */
async function giveAccessKey(
  { node, keys }: KeyedNode,
  known: readonly KeyedNode[],
  fabric: Client['fabric'],
): Promise<void> {
  const { popId } = node;
  const { publicKey, sealed: before } = await fabric.getPopAccessKey({ popId });
  if (node.id in before) return;
  const clear = Buffer.from(keys.access.privateKey, 'base64');
  const sealed = known
    .filter((other) => other.node.popId === popId)
    .map((other) => [other.node.id, seal(clear, recipientOf(other.keys.sealing))] as const);
  await fabric.setPopAccessKey({ popId, publicKey, sealed: Object.fromEntries(sealed) });
}

// A request id of its own for each record, so that the whole may be repeated after a failure.
const once = (what: string) => ({ requestId: `lab-${what}` });

/**
 * Creates network, PoPs, nodes, upstreams and a full mesh of interconnects; gives the revision of the last commit.
 * May be repeated. Pools are the user's to create.
 */
export async function createFabric(all: readonly KeyedNode[], { fabric }: Client): Promise<bigint> {
  await fabric.createNetwork({ change: once('network'), name: 'lab', allowDocumentationSpace: true });
  const pops = new Map(all.toReversed().map((keyed) => [keyed.node.popId, popOf(keyed)]));
  for (const pop of [...pops.values()].reverse()) await fabric.createPop({ change: once(`pop-${pop.id}`), pop });
  for (const [at, keyed] of all.entries()) {
    const node = nodeOf(keyed);
    await fabric.createNode({ change: once(`node-${node.id}`), node });
    await giveAccessKey(keyed, all.slice(0, at + 1), fabric);
  }
  for (const upstream of all.flatMap(upstreamsOf))
    await fabric.createUpstream({ change: once(`upstream-${upstream.id}`), upstream });
  let revision = 0n;
  for (const [index, a] of all.entries())
    for (const b of all.slice(index + 1)) {
      const change = once(`interconnect-${a.node.id}-${b.node.id}`);
      const { changed } = await fabric.createInterconnect({ change, nodeA: a.node.id, nodeB: b.node.id });
      revision = changed?.revision ?? revision;
    }
  return revision;
}
