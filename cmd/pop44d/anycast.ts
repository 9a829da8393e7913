// Wires the network half's part of an anycast group (adr/0029): nodes that share an endpoint tell each other of their clients;
// what a client sends to another node than its own is relayed there, and whoever keeps coming here is taken over, at once when
// the node that has its session is gone.

import { randomUUID } from 'node:crypto';
import { createFlips, createHolders, type Whereabout as Held, sessionMs } from '#internal/anycast/anycast.ts';
import type { Clock } from '#internal/clock/clock.ts';
import { anycastNumber } from '#internal/dataplane/ownership.ts';
import { groupNodes, pathsOf } from '#internal/desired/desired.ts';
import type { Node } from '#internal/gen/pop44/store/v1/records_pb.ts';
import type { Log } from '#internal/log/log.ts';
import { believed, createSiblingTeller, type Mesh, type SiblingTeller, type Whereabout } from '#internal/mesh/mesh.ts';
import { peerKeyId, type Snapshot } from '#internal/model/model.ts';
import { parseWgKey } from '#internal/netip/netip.ts';
import type { FromDataplane, FromNetwork, Links } from '#internal/seam/seam.ts';
import { isHeard, type Status } from '#internal/status/status.ts';
import { toldRole } from '#internal/takeover/takeover.ts';
import { createAnycastCalls } from './anycast-calls.ts';
import { type LostNodes, lostNodes } from './lost-nodes.ts';
import type { Roaming } from './roaming.ts';

export interface AnycastParts {
  readonly nodeId: string;
  readonly snapshot: () => Snapshot;
  readonly mesh: Pick<Mesh, 'addressOf' | 'flows'>;
  readonly status: Pick<Status, 'of'>;
  readonly presence: Pick<Roaming, 'ahead'>;
  readonly credentials: Parameters<typeof createSiblingTeller>[0]['credentials'];
  readonly send: (message: FromNetwork) => void;
  readonly clock: Clock;
  readonly log: Pick<Log, 'info'>;
}

export interface AnycastEnd {
  /** From a node of the group; gives who hears it, empty when nobody does. */
  told(from: string, peers: readonly Whereabout[]): string;
  /** From the privileged half. */
  heard(message: FromDataplane): void;
  /** The records or the mesh changed. */
  settle(): void;
  lost(): void;
  /** Twice a second. */
  beat(): void;
}

/**
 * A client sends in its older session until it has heard the first packet of the new one, which may be late on a busy machine; the
 * node that can open it forgets it 3 s after the move (roaming.ts).
 */
const lingerMs = 2_000;
/** A client that was relayed within this time comes here now. */
const comesMs = 2_000;
/** A node that is new is told everything by the others within 5 s, and a second (mesh/whereabouts.ts). */
const gatherMs = 10_000;

const peerOf = ([publicKey, , , link]: Whereabout): string => `${link} ${publicKey}`;
const entryOf = (nodeId: string, told: Whereabout): Held => {
  const [, endpoint, handshakeMs, , rttMs = 0] = told;
  return { peer: peerOf(told), endpoint, handshakeMs, rttMs, nodeId };
};
const tupleOf = ({ peer, endpoint, handshakeMs, rttMs }: Held): Whereabout => {
  const [link = '', publicKey = ''] = peer.split(' ');
  return [publicKey, endpoint, handshakeMs, link, rttMs];
};

export function createAnycast(parts: AnycastParts, signal: AbortSignal): AnycastEnd {
  const { nodeId, snapshot, mesh, status, presence, credentials, send, clock, log } = parts;
  const holders = createHolders();
  const flips = createFlips();
  /** What the privileged half was told last, by endpoint. */
  const sent = new Map<string, Held>();
  /** Since when these are another node's, whichever, by endpoint: what came before was for somebody else. */
  const since = new Map<string, number>();
  const tellers = new Map<string, SiblingTeller>();
  /** Clients that have just shaken hands here, by endpoint: both nodes hear them still. */
  const lingering = new Map<string, { readonly client: Held; readonly untilMs: number }>();
  const beganMs = clock.monotonicMs();
  /** The privileged half may hold what a process before this one has told it. */
  let owed = false;
  let links: Links['links'] = [];
  let listener = '';
  let role = '';
  /** Of the records as they are. */
  let group: readonly Node[] = [];
  let of: readonly unknown[] = [];

  const nowMs = (): number => clock.wall().getTime();
  const tunnelOf = (publicKey: string): string | undefined => {
    const key = parseWgKey(publicKey);
    return typeof key === 'string' ? snapshot().peerkeys.get(peerKeyId(key))?.record.tunnelId : undefined;
  };
  const stands = (publicKey: string): boolean => tunnelOf(publicKey) !== undefined;
  const numberOf = (id: string): number | undefined => {
    const node = group.find((each) => each.id === id);
    return node === undefined ? undefined : anycastNumber(node.asn);
  };

  const calls = createAnycastCalls(
    {
      ...{ ahead: presence.ahead, clock, log },
      tunnelOf: (client) => tunnelOf(tupleOf(client)[0]),
      stays: (client) => holders.at(client.endpoint) === client,
      flows: (id, tunnelId, until) => mesh.flows(id, tunnelId, until),
      call: (clients) => send({ type: 'take-clients', peers: clients.map(tupleOf) }),
    },
    signal,
  );

  /** Tells the privileged half who holds whom, where that is not what it knows. O(endpoints). */
  function tell(endpoints: Iterable<string>, whole = false): void {
    const clients: [string, number, number][] = [];
    for (const endpoint of endpoints) {
      const held = (whole ? lingering.get(endpoint)?.client : undefined) ?? holders.at(endpoint);
      const number = held === undefined || held.nodeId === nodeId ? undefined : numberOf(held.nodeId);
      const before = sent.get(endpoint);
      if (held === undefined || number === undefined) {
        if (lingering.has(endpoint)) continue;
        if (sent.delete(endpoint) || owed) clients.push([endpoint, -1, 1]);
        since.delete(endpoint);
        flips.forget(endpoint);
        continue;
      }
      if (before?.nodeId === held.nodeId && before.handshakeMs === held.handshakeMs) continue;
      const seconds = Math.ceil((held.handshakeMs + sessionMs - nowMs()) / 1_000);
      if (seconds < 1) continue;
      sent.set(endpoint, held);
      if (!since.has(endpoint)) since.set(endpoint, nowMs());
      clients.push([endpoint, number, Math.min(seconds, sessionMs / 1_000)]);
    }
    const news = clients.length > 0 || (whole && group.length > 0);
    if (news && listener !== '') send({ type: 'elsewhere', whole, clients });
  }
  /** A process that is new knows less than the one before it has told: until the others have told it, it only adds and corrects. */
  function tellAll(): void {
    owed = clock.monotonicMs() - beganMs < gatherMs;
    sent.clear();
    const all = new Set(lingering.keys());
    for (const { endpoint } of holders.all()) all.add(endpoint);
    tell(all, !owed);
  }

  function settle(): void {
    const { nodes, pops, anycasts } = snapshot();
    const near = nodes.get(nodeId)?.record;
    // Immutable maps are their own version.
    if (of[0] !== nodes || of[1] !== pops || of[2] !== anycasts) {
      of = [nodes, pops, anycasts];
      group = near === undefined ? [] : groupNodes(snapshot(), near);
      tellAll();
    }
    const ids = new Set(group.map(({ id }) => id));
    for (const [id, teller] of tellers) {
      if (ids.has(id)) continue;
      teller.listener(undefined);
      tellers.delete(id);
    }
    for (const id of ids) {
      let teller = tellers.get(id);
      if (teller === undefined) {
        teller = createSiblingTeller({ credentials, stands, clock, signal });
        teller.tell(holders.of(nodeId).map(tupleOf));
        tellers.set(id, teller);
      }
      const target = mesh.addressOf(id);
      const speaks = target !== undefined && (role === 'active' || role === 'alone');
      teller.listener(speaks ? { nodeId: id, target } : undefined);
    }
  }

  /** One that was never heard has told nothing that could be over. */
  const unheard = (id: string): boolean => {
    const known = status.of(id);
    return known !== undefined && !isHeard(known, clock.wall());
  };
  const lostNow = (): LostNodes => {
    const ids = group.map(({ id }) => id);
    return lostNodes(ids, { links, paths: pathsOf(snapshot(), nodeId), unheard });
  };

  /** Calls are this node's to make. */
  const mayCall = (): boolean => group.length > 0 && listener !== '' && role !== 'standby' && role !== 'waiting';
  const heldAt = (endpoint: string): readonly Held[] => {
    const held = holders.at(endpoint);
    return held === undefined || held.nodeId === nodeId ? [] : [held];
  };
  /** It is here, or calls for it have ended. */
  function leave(clients: readonly Held[]): void {
    if (clients.length > 0) send({ type: 'leave-clients', peers: clients.map(tupleOf) });
  }

  /** Clients that come here from nodes that are gone need not come for long. */
  function takeFromGone(gone: ReadonlySet<string>): void {
    if (gone.size === 0) return;
    const coming = [...flips.all()].flatMap(([endpoint, lastMs]) =>
      nowMs() - lastMs < comesMs ? heldAt(endpoint) : [],
    );
    const clients = coming.filter((client) => gone.has(client.nodeId));
    calls.take(clients, gone);
  }

  /** A whole PoP that nobody hears has nobody that calls its clients, and those that are idle would not find out for minutes. */
  function takeFromSilent({ gone, dead }: LostNodes): void {
    // To look for them costs as much as there are clients.
    if (dead.size === 0 || !calls.hasRoom()) return;
    const pops = new Set(group.flatMap(({ id, popId }) => (dead.has(id) ? [] : [popId])));
    for (const { id, popId } of group) if (!pops.has(popId)) calls.takeIdle(holders.of(id), gone);
  }
  function takeFromLost(): void {
    if (!mayCall()) return;
    const lost = lostNow();
    takeFromGone(lost.gone);
    takeFromSilent(lost);
  }

  function own(peers: readonly Whereabout[]): void {
    for (const teller of tellers.values()) teller.tell(peers);
    const here = peers.map((each) => entryOf(nodeId, each));
    let answers = 0;
    for (const { peer } of here) {
      const client = calls.answered(peer);
      if (client === undefined) continue;
      answers += 1;
      lingering.set(client.endpoint, { client, untilMs: nowMs() + lingerMs });
    }
    tell(holders.told(here));
    // Others may wait for their turn.
    if (answers > 0 && calls.hasRoom()) takeFromLost();
  }

  function linger(): void {
    const over = [...lingering].filter(([, { untilMs }]) => untilMs <= nowMs());
    for (const [endpoint] of over) lingering.delete(endpoint);
    tell(over.map(([endpoint]) => endpoint));
    leave(over.map(([, { client }]) => client));
  }

  return {
    told: (from, peers) => {
      if (listener === '' || numberOf(from) === undefined) return '';
      const taken = believed(peers, stands, nowMs()).map((each) => entryOf(from, each));
      tell(holders.told(taken));
      return listener;
    },
    heard: (message) => {
      if (message.type === 'hello') {
        listener = randomUUID();
        tellAll();
      }
      if (message.type === 'duty') {
        role = toldRole(message.role);
        settle();
      }
      if (message.type === 'whereabouts' && group.length > 0) own(message.peers);
      if (message.type === 'links') {
        links = message.links;
        const { gone } = lostNow();
        leave(calls.revived(() => gone));
        if (mayCall()) takeFromGone(gone);
      }
      if (message.type !== 'relayed') return;
      const coming = message.clients.filter(
        ([endpoint, agoMs]) => nowMs() - agoMs >= (since.get(endpoint) ?? Number.POSITIVE_INFINITY),
      );
      const stable = flips.seen(
        coming.map(([endpoint, agoMs]) => ({ endpoint, agoMs })),
        nowMs(),
      );
      if (!mayCall()) return;
      const { gone } = lostNow();
      takeFromGone(gone);
      calls.take(stable.flatMap(heldAt), gone);
    },
    settle,
    lost: () => {
      listener = '';
      sent.clear();
      calls.clear();
      lingering.clear();
    },
    beat: () => {
      settle();
      if (group.length === 0) return;
      if (owed && clock.monotonicMs() - beganMs >= gatherMs) tellAll();
      tell(holders.expire(nowMs()));
      linger();
      leave(calls.expire());
      leave(calls.revived(() => lostNow().gone));
      if (group.some(({ id }) => unheard(id))) takeFromLost();
    },
  };
}
