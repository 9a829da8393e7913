// Diagnosis: what is wrong with a network, out of what its daemons told. Pure: findings out of facts.

import { timestampMs } from '@bufbuild/protobuf/wkt';
import { recordChecks } from './diagnosis-records.ts';
import { type Check, type Facts, fail, type Finding, idOf, warn } from './finding.ts';
import { timeText } from './layout.ts';

export type { Facts, Finding } from './finding.ts';

const logs = (node: string): string => `on ${node}: systemctl status pop44d; journalctl -u pop44d`;

// docs/operating.md, Two nodes in a PoP: further ahead it calls nobody after a takeover; further behind it takes nothing over.
const aheadMs = 50;
const behindMs = 300;
const dayMs = 86_400_000;

const checks: readonly Check[] = [
  {
    name: 'daemons',
    good: ({ reached }) => `${[...reached.keys()].join(', ')} answer`,
    look: ({ reached }) =>
      [...reached].flatMap(([node, problem]) => {
        if (problem === undefined) return [];
        if (problem.code === 'context')
          return [warn(`the context does not name ${node}: it was not asked`, 'add its address to the context')];
        return [fail(`${node} does not answer: ${problem.message}`, logs(node))];
      }),
  },
  {
    name: 'mesh',
    good: ({ mesh }) => `${mesh.nodes.length} nodes hear each other`,
    look: ({ mesh }) =>
      mesh.cells
        .filter(({ heard }) => !heard)
        .map(({ fromNodeId: from, toNodeId: to, oneWay }) =>
          fail(
            `${from} does not hear ${to}${oneWay ? ', which hears it' : ''}`,
            `let UDP of the mesh pass from the underlay of ${to} to that of ${from}; pop44 node describe ${to}`,
          ),
        ),
  },
  {
    name: 'etcd',
    good: ({ status }) => `every node has contact, revision ${status.freshness?.revision ?? 0n}`,
    look: ({ mesh }) =>
      mesh.nodes
        .filter(({ state }) => state?.connected === true && state.stale)
        .map((node) =>
          fail(
            `${idOf(node)} has no contact with etcd; it forwards by what it knew`,
            `on ${idOf(node)}: etcdctl endpoint health; more than half of the members must run`,
          ),
        ),
  },
  {
    name: 'applied',
    good: () => 'every node has carried out the newest revision',
    look: ({ mesh }) =>
      mesh.nodes.flatMap((node) => {
        const { state, behind } = node;
        const id = idOf(node);
        if (state === undefined) return [];
        if (state.held !== '')
          return [fail(`${id} holds back: ${state.held}`, `if that is meant: pop44 brake release ${id} --node ${id}`)];
        if (state.failingSteps > 0)
          return [
            fail(
              `${id}: ${state.failingSteps} steps fail${state.failure === '' ? '' : `: ${state.failure}`}`,
              logs(id),
            ),
          ];
        return state.connected && behind > 0n
          ? [warn(`${id} is ${behind} revisions behind`, `pop44 wait ${state.appliedRevision + behind} --on ${id}`)]
          : [];
      }),
  },
  {
    name: 'clocks',
    good: () => `less than ${aheadMs} ms apart`,
    look: ({ mesh }) =>
      mesh.cells.flatMap(({ fromNodeId: from, toNodeId: to, clockOffsetMs, rttMs = 0 }) => {
        // Right within half of the round trip; told once, of the one that is ahead.
        const apart = (clockOffsetMs ?? 0) - rttMs / 2;
        if (apart <= aheadMs) return [];
        const cause = `${to} is ${Math.round(clockOffsetMs ?? 0)} ms ahead of ${from}`;
        return [(apart > behindMs ? fail : warn)(cause, 'on both: chronyc tracking, or timedatectl timesync-status')];
      }),
  },
  {
    name: 'paths',
    good: ({ mesh }) => {
      const ends = mesh.nodes.flatMap(({ paths }) => paths).length;
      return ends === 0 ? 'no node tells of an interconnect' : `${ends} ends of interconnects are good`;
    },
    look: ({ mesh }) =>
      mesh.nodes.flatMap((node) =>
        node.paths
          .filter(({ verdict, up }) => !up || verdict !== 'good')
          .map(({ up, interconnectId, nodeId, verdict, troubles }) =>
            (up ? warn : fail)(
              `${idOf(node)} to ${nodeId} (${interconnectId}) is ${up ? verdict : 'down'}${troubles.length === 0 ? '' : `: ${troubles.join(' ')}`}`,
              `pop44 interconnect describe ${interconnectId}`,
            ),
          ),
      ),
  },
  {
    name: 'sessions',
    good: () => 'no neighbour announces more than it may',
    look: ({ mesh }) =>
      mesh.nodes.flatMap((node) =>
        node.refusals.map(({ neighbourId, session, refused, limit, limitHit }) =>
          warn(
            limitHit
              ? `${neighbourId} announces to ${idOf(node)} more than ${limit} routes (${session})`
              : `${neighbourId} announces to ${idOf(node)} what it may not: ${refused} refused (${session})`,
            `on ${idOf(node)}: birdc show route filtered protocol ${session}; ask who runs ${neighbourId}`,
          ),
        ),
      ),
  },
  {
    name: 'pairs',
    good: () => 'nothing is wrong with a pair',
    look: ({ mesh }) =>
      mesh.nodes
        .filter(({ state }) => state !== undefined && state.pairAlarm !== '')
        .map((node) =>
          warn(
            `${idOf(node)}: ${node.state?.pairAlarm}`,
            `docs/operating.md, Two nodes in a PoP; pop44 node describe ${idOf(node)}`,
          ),
        ),
  },
  {
    name: 'certificates',
    good: () => 'none ends within a day',
    look: ({ mesh, nowMs }) =>
      mesh.nodes.flatMap((node) => {
        if (node.certificateEnds === undefined) return [];
        const endsMs = timestampMs(node.certificateEnds);
        const cure = `${logs(idOf(node))}; nodes renew by themselves while a daemon with the CA's key answers`;
        const when = timeText(node.certificateEnds);
        if (endsMs <= nowMs) return [fail(`that of ${idOf(node)} ended at ${when}`, cure)];
        return endsMs - nowMs < dayMs ? [warn(`that of ${idOf(node)} ends at ${when}`, cure)] : [];
      }),
  },
  ...recordChecks,
  {
    name: 'alarms',
    good: () => 'none',
    look: ({ status }) => status.alarms.map((alarm) => warn(alarm, 'docs/operating.md, What to watch')),
  },
];

/** Without what is silent because its node is drained: it may be switched off. */
function ofNodesInUse(facts: Facts): Facts {
  const { mesh, reached } = facts;
  const drained = new Set(mesh.nodes.filter(({ state }) => state?.node?.drain !== undefined).map(idOf));
  if (drained.size === 0) return facts;
  const isOff = (id: string): boolean => drained.has(id);
  const nodes = mesh.nodes.map((node) => ({ ...node, paths: node.paths.filter(({ nodeId }) => !isOff(nodeId)) }));
  const cells = mesh.cells.filter(
    ({ fromNodeId, toNodeId, heard }) => heard || !(isOff(fromNodeId) || isOff(toNodeId)),
  );
  return {
    ...facts,
    mesh: { ...mesh, nodes, cells },
    reached: new Map([...reached].filter(([node, problem]) => problem === undefined || !isOff(node))),
  };
}

/** A line for each thing that is wrong, and one for each check that found none. O(nodes²). */
export function diagnose(all: Facts): readonly Finding[] {
  const facts = ofNodesInUse(all);
  return checks.flatMap(({ name, look, good }) => {
    const found = look(facts);
    if (found.length === 0) return [{ level: 'OK', check: name, cause: good(facts), cure: '' } as const];
    return found.map((each) => ({ ...each, check: name }));
  });
}
