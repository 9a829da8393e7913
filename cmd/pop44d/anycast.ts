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
import { nodesInForce, peerKeyId, type Snapshot } from '#internal/model/model.ts';
import { parseWgKey } from '#internal/netip/netip.ts';
import type { FromDataplane, FromNetwork, Links } from '#internal/seam/seam.ts';
import { isHeard, type Status } from '#internal/status/status.ts';
import { toldRole } from '#internal/takeover/takeover.ts';
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

/** What is open at the holder is waited for so long before its client is called: a firewall that admits replies alone wants it. */
const flowsWithinMs = 500;
/** One that does not answer calls is called again so late at the earliest. */
const againMs = 10_000;
/**
 * A client sends in its older session until it has heard the first packet of the new one, which may be late on a busy machine; the
 * node that can open it forgets it 3 s after the move (roaming.ts).
 */
const lingerMs = 2_000;
/** A client that was relayed within this time comes here now. */
const comesMs = 2_000;

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
  /** Clients that are being called, or were a while ago, by peer. */
  const called = new Map<string, { readonly client: Held; readonly sinceMs: number }>();
  /** Clients that have just shaken hands here, by endpoint: both nodes hear them still. */
  const lingering = new Map<string, { readonly client: Held; readonly untilMs: number }>();
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

  /** Tells the privileged half who holds whom, where that is not what it knows. O(endpoints). */
  function tell(endpoints: Iterable<string>): void {
    const clients: [string, number, number][] = [];
    for (const endpoint of endpoints) {
      const held = holders.at(endpoint);
      const number = held === undefined || held.nodeId === nodeId ? undefined : numberOf(held.nodeId);
      const before = sent.get(endpoint);
      if (held === undefined || number === undefined) {
        if (lingering.has(endpoint)) continue;
        if (sent.delete(endpoint)) clients.push([endpoint, -1, 1]);
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
    if (clients.length > 0 && listener !== '') send({ type: 'elsewhere', clients });
  }
  function tellAll(): void {
    sent.clear();
    const all = new Set<string>();
    for (const { endpoint } of holders.all()) all.add(endpoint);
    tell(all);
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

  /** Whether BFD has each link to it that was ever up. */
  function linksTo(id: string): readonly boolean[] {
    const up = new Map(links.map(([link, isUp]) => [link, isUp]));
    return pathsOf(snapshot(), nodeId).flatMap(({ link, nodeId: far }) => (far === id ? (up.get(link) ?? []) : []));
  }
  const unreached = (id: string): boolean => {
    const ways = linksTo(id);
    return ways.length > 0 && !ways.includes(true);
  };
  /** One that was never heard has told nothing that could be over. */
  const unheard = (id: string): boolean => {
    const known = status.of(id);
    return known !== undefined && !isHeard(known, clock.wall());
  };
  /** What is relayed to it is lost, or on a long way; to call such a client in vain costs little. */
  const gone = (id: string): boolean => unreached(id) || unheard(id);
  /** A daemon that is away while its node forwards costs nobody a session: BFD must miss it too, where there is a link. */
  const dead = (id: string): boolean => unheard(id) && (unreached(id) || linksTo(id).length === 0);

  async function takeOver(client: Held, alive: boolean): Promise<void> {
    const [publicKey] = tupleOf(client);
    const tunnelId = tunnelOf(publicKey);
    if (tunnelId === undefined) return;
    if (alive) {
      const enough = new AbortController();
      const late = clock.sleep(flowsWithinMs, enough.signal).then(() => []);
      const flows = await Promise.race([mesh.flows(client.nodeId, tunnelId, signal), late]).catch(() => []);
      enough.abort();
      if (flows.length > 0) presence.ahead(tunnelId, client.nodeId, flows);
    }
    // It may have gone back, or shaken hands, meanwhile.
    if (holders.at(client.endpoint) !== client || called.get(client.peer)?.client !== client) return;
    log.info('client-called', { tunnel: tunnelId, from: client.nodeId, alive });
    send({ type: 'take-clients', peers: [tupleOf(client)] });
  }

  /** Those that nobody calls yet. */
  function take(clients: readonly Held[]): void {
    if (listener === '' || role === 'standby' || role === 'waiting') return;
    for (const client of clients) {
      const before = called.get(client.peer);
      if (client.nodeId === nodeId || (before !== undefined && nowMs() - before.sinceMs < againMs)) continue;
      called.set(client.peer, { client, sinceMs: nowMs() });
      takeOver(client, !gone(client.nodeId)).catch(() => undefined);
    }
  }
  /** It is here, or calls for it have ended. */
  function leave(clients: readonly Held[]): void {
    if (clients.length > 0) send({ type: 'leave-clients', peers: clients.map(tupleOf) });
  }
  const heldAt = (endpoint: string): readonly Held[] => {
    const held = holders.at(endpoint);
    return held === undefined ? [] : [held];
  };

  /** Clients that come here from nodes that are gone need not come for long. */
  function takeFromGone(): void {
    const coming = [...flips.all()].flatMap(([endpoint, lastMs]) =>
      nowMs() - lastMs < comesMs ? heldAt(endpoint) : [],
    );
    take(coming.filter((client) => gone(client.nodeId)));
  }

  /** A whole PoP that nobody hears has nobody that calls its clients, and those that are idle would not find out for minutes. */
  function takeFromSilent(): void {
    const nodes = nodesInForce(snapshot());
    for (const node of group) {
      if (!nodes.every(({ id, popId }) => popId !== node.popId || dead(id))) continue;
      const idle = holders.of(node.id).filter(({ peer }) => !called.has(peer));
      if (idle.length > 0) take(idle);
    }
  }

  function own(peers: readonly Whereabout[]): void {
    for (const teller of tellers.values()) teller.tell(peers);
    const here = peers.map((each) => entryOf(nodeId, each));
    for (const { peer } of here) {
      const before = called.get(peer);
      if (!called.delete(peer) || before === undefined) continue;
      lingering.set(before.client.endpoint, { client: before.client, untilMs: nowMs() + lingerMs });
    }
    tell(holders.told(here));
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
        takeFromGone();
      }
      if (message.type !== 'relayed') return;
      const coming = message.clients.filter(
        ([endpoint, agoMs]) => nowMs() - agoMs >= (since.get(endpoint) ?? Number.POSITIVE_INFINITY),
      );
      const stable = flips.seen(
        coming.map(([endpoint, agoMs]) => ({ endpoint, agoMs })),
        nowMs(),
      );
      take(stable.flatMap(heldAt));
      takeFromGone();
    },
    settle,
    lost: () => {
      listener = '';
      sent.clear();
      called.clear();
      lingering.clear();
    },
    beat: () => {
      settle();
      if (group.length === 0) return;
      tell(holders.expire(nowMs()));
      linger();
      const over = [...called].filter(([, { sinceMs }]) => nowMs() - sinceMs >= againMs);
      for (const [peer] of over) called.delete(peer);
      leave(over.map(([, { client }]) => client));
      takeFromSilent();
    },
  };
}
