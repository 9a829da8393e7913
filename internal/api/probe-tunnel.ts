// Probe tunnel: has another place ask a tunnel's addresses from the internet, and gathers what tells why one does not answer.

import { Fault } from '#internal/errors/errors.ts';
import type { Tunnel } from '#internal/gen/pop44/store/v1/records_pb.ts';
import { namesakes, standingPrefixes, type Snapshot } from '#internal/model/model.ts';
import type { Stored } from '#internal/model/record.ts';
import { type Family, familyOf, type IpAddress } from '#internal/netip/netip.ts';
import { type Answering, causeOf, type Explained, type ReachFacts, type Reached } from '#internal/reach/reach.ts';
import { Refused } from '#internal/rpc/rpc.ts';
import { hostIn } from './explain-question.ts';
import { explained } from './explain-service.ts';
import { measuringNodes } from './measuring-nodes.ts';
import type { ServiceContext } from './service.ts';

/** Places that are tried for one question: the first may have lost its way, or be asked too much. */
const mostPlaces = 2;

/** One of each family, of those in realms that are of the internet. */
function addressesOf(snapshot: Snapshot, tunnel: Tunnel): readonly IpAddress[] {
  const byFamily = new Map<Family, IpAddress>();
  const standing = standingPrefixes(snapshot, tunnel);
  // Of one that stands nowhere, what its record says is asked all the same: why it is silent is the answer.
  for (const { prefix, realmId } of standing.length > 0 ? standing : tunnel.prefixes) {
    const address = realmId === 'internet' ? hostIn(prefix) : undefined;
    if (address !== undefined && !byFamily.has(familyOf(address))) byFamily.set(familyOf(address), address);
  }
  return [...byFamily.values()].sort((a, b) => familyOf(a) - familyOf(b));
}

interface At {
  /** Where the tunnel is, or without a session its home. */
  readonly popId: string;
  /** Empty: nobody there is heard. */
  readonly nodeId: string;
  readonly holder: string;
}

function whereIs({ head, explain }: ServiceContext, nodes: readonly Answering[], tunnel: Tunnel): At {
  const snapshot = head.snapshot();
  const holder = explain.holderOf(tunnel.id) ?? '';
  const home = tunnel.prefixes[0]?.homePopId ?? tunnel.placement?.popIds[0] ?? '';
  const popId = snapshot.nodes.get(holder)?.record.popId ?? home;
  // Its sibling has taken over, or will: of the one that held it nothing is heard.
  return { popId, nodeId: nodes.find((node) => node.popId === popId)?.nodeId ?? '', holder };
}

/** Other places first, those with the least to do; where there is none, the tunnel's own, which the internet leads back to itself. */
function placesToAsk(nodes: readonly Answering[], popId: string): readonly Answering[] {
  const others = nodes.filter((node) => node.popId !== popId).toSorted((a, b) => a.load - b.load);
  return others.length > 0 ? others.slice(0, mostPlaces) : nodes;
}

async function explainedAt(
  context: ServiceContext,
  nodeId: string,
  { subject, from, port }: { subject: string; from: string; port: number },
  signal: AbortSignal,
): Promise<Explained | undefined> {
  const request = { subject, from, to: '', protocol: port === 0 ? 'icmp' : 'tcp', port };
  try {
    const own = nodeId === context.config.nodeId;
    const told = own
      ? await explained(context, request, signal)
      : await context.reach.explainAt(nodeId, request, signal);
    const walked = told.kernel ?? told.plan;
    const last = walked?.steps.at(-1);
    return {
      verdict: walked?.verdict ?? '',
      where: last?.where ?? '',
      rule: walked?.reason ?? '',
      cure: told.cure,
      difference: told.difference,
      held: told.held,
      handshakeMs: Number(told.handshakeMs),
    };
  } catch (thrown) {
    if (thrown instanceof Fault || thrown instanceof Refused) return undefined;
    throw thrown;
  }
}

/** What came of one address: its echo, its port, and the node's own echo. */
interface Tried {
  readonly address: IpAddress;
  readonly echo: Reached;
  readonly knock: Reached | undefined;
}

function tryAll(
  { reach }: ServiceContext,
  node: Answering,
  { addresses, port }: { addresses: readonly IpAddress[]; port: number },
  signal: AbortSignal,
): Promise<readonly Tried[]> {
  const question = { directly: false, tunnelIds: [] };
  return Promise.all(
    addresses.map(async (address) => {
      const [echo, knock] = await Promise.all([
        reach.ask(node.nodeId, { ...question, address, port: 0 }, signal),
        port === 0 ? undefined : reach.ask(node.nodeId, { ...question, address, port }, signal),
      ]);
      return { address, echo, knock };
    }),
  );
}

const unasked: Reached = { how: '', problem: 'no node that could ask is heard' };

async function tried(
  context: ServiceContext,
  places: readonly Answering[],
  what: { addresses: readonly IpAddress[]; port: number },
  signal: AbortSignal,
): Promise<{ readonly from: Answering | undefined; readonly results: readonly Tried[] }> {
  let last: { readonly from: Answering | undefined; readonly results: readonly Tried[] } = {
    from: undefined,
    results: what.addresses.map((address) => ({
      address,
      echo: unasked,
      knock: what.port === 0 ? undefined : unasked,
    })),
  };
  for (const from of places) {
    last = { from, results: await tryAll(context, from, what, signal) };
    if (last.results.some(({ echo, knock }) => echo.problem === '' || knock?.problem === '')) break;
  }
  return last;
}

type JudgedBy = Pick<ReachFacts, 'explained' | 'direct' | 'echoed'>;

/** What its own node says of an address. */
interface Looked {
  /** Of the echo, and of the port. */
  readonly ofPing: Explained | undefined;
  readonly ofPort: Explained | undefined;
  /** Past the firewall: milliseconds, `silent`, or undefined: not asked. */
  readonly direct: number | 'silent' | undefined;
}

async function lookedAt(
  context: ServiceContext,
  nodeId: string,
  { subject, from, port }: { subject: IpAddress; from: string; port: number },
  signal: AbortSignal,
): Promise<Looked> {
  if (nodeId === '') return { ofPing: undefined, ofPort: undefined, direct: undefined };
  const [ofPing, ofPort, own] = await Promise.all([
    explainedAt(context, nodeId, { subject, from, port: 0 }, signal),
    port === 0 ? undefined : explainedAt(context, nodeId, { subject, from, port }, signal),
    context.reach.ask(nodeId, { address: subject, port: 0, directly: true, tunnelIds: [] }, signal),
  ]);
  return { ofPing, ofPort, direct: own.problem === '' ? (own.rttMs ?? 'silent') : undefined };
}

/** Whether the internet's echo came back; undefined: it is not let in, or nobody has asked. */
function echoedOf({ how, problem }: Reached, ofPing: Explained | undefined): boolean | undefined {
  if (how === 'echo') return true;
  return ofPing?.verdict === 'passes' && problem === '' ? false : undefined;
}

/** Within 4 s: two places at most are tried, each for 1.5 s. */
export async function probed(context: ServiceContext, stored: Stored<Tunnel>, port: number, signal: AbortSignal) {
  const { head, status, config, clock } = context;
  const { record: tunnel, revision } = stored;
  const { enabled, suspension } = tunnel;
  const snapshot = head.snapshot();
  const addresses = addressesOf(snapshot, tunnel);
  const nodes = measuringNodes(context);
  const at = whereIs(context, nodes, tunnel);
  const places = placesToAsk(nodes, at.popId);
  const asking = snapshot.nodes.get(places[0]?.nodeId ?? '')?.record;
  const [{ from, results }, looked] = await Promise.all([
    tried(context, places, { addresses, port }, signal),
    Promise.all(
      addresses.map((subject) => {
        const underlay = familyOf(subject) === 4 ? asking?.underlay4 : asking?.underlay6;
        return lookedAt(context, at.nodeId, { subject, from: underlay ?? '', port }, signal);
      }),
    ),
  ]);
  const report = at.nodeId === config.nodeId ? status.own() : status.of(at.nodeId)?.report;
  const known = {
    tunnel: {
      ref: namesakes(snapshot.tunnelsByName, tunnel.name).length === 1 ? tunnel.name : tunnel.id,
      enabled,
      ...(suspension && { suspendedFor: suspension.reason }),
    },
    place: {
      popId: at.popId,
      nodeId: at.nodeId,
      applied: report !== undefined && report.appliedRevision >= revision,
    },
    nowMs: clock.wall().getTime(),
  };
  const judged = (address: IpAddress, asked: Reached & { readonly port: number }, facts: JudgedBy) => {
    const finding = causeOf({ ...known, ...facts, asked });
    const what = asked.port === 0 ? 'ping' : `tcp/${asked.port}`;
    const { rttMs } = asked;
    return {
      address,
      asked: what,
      reachable: finding.cause === 'reachable',
      ...(rttMs !== undefined && { rttMs }),
      ...finding,
    };
  };
  const probes = results.flatMap(({ address, echo, knock }, index) => {
    const { ofPing, ofPort, direct } = looked[index] ?? {};
    const by = { direct, echoed: echoedOf(echo, ofPing) };
    const ofEcho = judged(address, { ...echo, port: 0 }, { ...by, explained: ofPing });
    return knock === undefined ? [ofEcho] : [ofEcho, judged(address, { ...knock, port }, { ...by, explained: ofPort })];
  });
  const wanted = probes.filter(({ asked }) => (asked === 'ping') === (port === 0));
  const handshakes = looked.flatMap(({ ofPing, ofPort }) => [ofPing?.handshakeMs ?? 0, ofPort?.handshakeMs ?? 0]);
  return {
    tunnelId: tunnel.id,
    fromPopId: from?.popId ?? '',
    fromNodeId: from?.nodeId ?? '',
    reachable: wanted.length > 0 && wanted.every(({ reachable }) => reachable),
    probes,
    heldByNodeId: at.holder,
    handshakeMs: Math.max(0, ...handshakes),
  };
}
