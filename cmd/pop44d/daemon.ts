// The half of a node that faces the network: wires store, reconciler, mesh and API.

import { randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { openApi } from '#internal/api/api.ts';
import { realClock } from '#internal/clock/clock.ts';
import type { NodeConfig } from '#internal/config/config.ts';
import type { Here } from '#internal/desired/desired.ts';
import { messageOf } from '#internal/errors/errors.ts';
import { createLeader, createPromoter } from '#internal/leader/leader.ts';
import { createLog } from '#internal/log/log.ts';
import { createMesh, runBeacon } from '#internal/mesh/mesh.ts';
import { createMetrics, serveMetrics } from '#internal/metrics/metrics.ts';
import { nodesInForce, signingAuthority } from '#internal/model/model.ts';
import { endpointAt } from '#internal/netip/netip.ts';
import { createLive } from '#internal/presence/presence.ts';
import { createReconciler } from '#internal/reconcile/reconcile.ts';
import { listen, newServer } from '#internal/rpc/rpc.ts';
import { connectSeam, type FromDataplane, type Health } from '#internal/seam/seam.ts';
import { createStatus, isServing } from '#internal/status/status.ts';
import { createHead } from '#internal/submit/submit.ts';
import { openTraffic } from '#internal/traffic/traffic.ts';
import { createKnownAuthorities, nodesToAsk, renewAgainAndAgain } from '#internal/trust/trust.ts';
import { createDraining, isDrained } from './drain.ts';
import { createEtcdLead } from './etcd-lead.ts';
import { figuresOf } from './figures.ts';
import { createKeyKeeper } from './key-keeper.ts';
import { createLoad } from './load.ts';
import { membersOf } from './members.ts';
import { createNeighbours } from './neighbours.ts';
import { createOthers } from './others.ts';
import { createFormerOwners, readings } from './owners.ts';
import { openPeople } from './people.ts';
import { startPulse } from './pulse.ts';
import { createQuestions } from './questions.ts';
import { createReaching } from './reaching.ts';
import { openRecords } from './records.ts';
import { createRoaming } from './roaming.ts';
import { selfOf } from './self.ts';
import { createSightings } from './sightings.ts';
import { tidyAgainAndAgain } from './tidy.ts';
import { openJoinPort, openTrust } from './trust.ts';
import { createVerdicts } from './verdicts.ts';

const { version } = createRequire(import.meta.url)('../../package.json') as { readonly version: string };

/** Milliseconds that calls may take to end when the daemon stops. */
const graceMs = 1_000;

export async function runDaemon(config: NodeConfig, signal: AbortSignal): Promise<void> {
  const log = createLog({ node: config.nodeId, half: 'daemon' });
  const clock = realClock;
  const trust = openTrust(config, clock);
  const { identity } = trust;
  const status = createStatus(config.nodeId);
  const records = await openRecords(config, identity.current(), {
    clock,
    log,
    eligible: (id) => !isDrained(reconciler.snapshot(), id),
  });
  const { store, election, disk } = records;
  // Nobody is connected before there is an API.
  let askAgain = (): void => undefined;
  // Everything below is wired in a ring (reconciler, seam, presence, mesh): each part is reached through a closure.
  let here: Here = new Set();
  const live = createLive((tunnels, changed) => {
    here = tunnels;
    reconciler.live(tunnels, changed);
  });
  const presence = createRoaming(
    {
      ...{ nodeId: config.nodeId, status, clock, log, moved: live.here },
      snapshot: () => reconciler.snapshot(),
      mesh: () => mesh,
      send: (message) => seam.send(message),
    },
    signal,
  );
  const credentials = identity.client;
  const leader = createLeader({ nodeId: config.nodeId, election, credentials, clock, log });
  const traffic = await openTraffic({
    file: join(config.stateDir, 'traffic'),
    clock,
    known: (tunnelId) => reconciler.snapshot().tunnels.has(tunnelId),
    failed: (cause) => log.error('traffic-unwritten', { reason: messageOf(cause) }),
  });
  const mesh = createMesh({ nodeId: config.nodeId, status, clock, log, credentials, presence, traffic });
  const self = selfOf(config);
  const reconciler = createReconciler({
    self,
    send: (want) => {
      sentAt.set(want.number, clock.monotonicMs());
      seam.send(want);
    },
    disk,
    status,
    log,
    onChanges: (snapshot, changes) => {
      head.advance(snapshot, changes);
      former.changed(changes, clock.monotonicMs());
      if (changes.some((change) => change.kind === 'node')) {
        mesh.nodes(nodesInForce(snapshot));
        people.look();
        leader.nodes(nodesInForce(snapshot));
      }
      if (changes.some(({ kind }) => kind === 'node' || kind === 'pop' || kind === 'anycast')) pairing.settle();
      if (changes.some(({ kind }) => kind === 'node' || kind === 'interconnect')) verdicts.changed();
      if (changes.some((change) => change.kind === 'authority')) authorities.look();
      askAgain();
      draining.changed(changes);
      for (const change of changes)
        if (change.kind === 'tunnel' && change.after === undefined) presence.forget(change.id);
    },
  });
  const authorities = createKnownAuthorities({ identity, snapshot: () => reconciler.snapshot(), status, clock, log });
  const head = createHead(reconciler.snapshot());
  const changed = (): void => askAgain();
  const people = openPeople({ config, store, clock, log, identity, changed, snapshot: () => reconciler.snapshot() });
  const former = createFormerOwners();
  const questions = createQuestions((message) => seam.send(message));
  const promoter = createPromoter(
    {
      ...{ nodeId: config.nodeId, clock, head, store, newId: randomUUID },
      failed: (cause) => log.warn('promote-key-failed', { reason: messageOf(cause) }),
    },
    signal,
  );
  const carrying = createLoad(traffic, live, clock);
  const sightings = createSightings({ snapshot: () => reconciler.snapshot(), promoter, live, presence, clock });
  const keeper = createKeyKeeper(
    {
      identity,
      nodeId: config.nodeId,
      clock,
      head,
      store,
      status,
      newId: randomUUID,
      failed: (cause) => log.warn('rotation-failed', { reason: messageOf(cause) }),
    },
    (message) => seam.send(message),
  );
  const pairing = createOthers(
    {
      ...{ nodeId: config.nodeId, mesh, status, credentials, clock, log, presence },
      snapshot: () => reconciler.snapshot(),
      send: (message) => seam.send(message),
      expected: sightings.expected,
    },
    signal,
  );
  const reaching = createReaching({
    ...{ nodeId: config.nodeId, addressOf: mesh.addressOf, credentials, clock },
    ...{ echo: questions.echo, seen: pairing.seen },
    snapshot: () => reconciler.snapshot(),
  });
  const members = membersOf(config.etcd.endpoints, identity.current, clock);
  const draining = createDraining({
    ...{ nodeId: config.nodeId, status, pairing, election, clock, log },
    snapshot: () => reconciler.snapshot(),
    etcdLead: createEtcdLead({ address: config.mesh.address, members, clock, log }),
  });
  const verdicts = createVerdicts({
    ...{ nodeId: config.nodeId, status, clock, log },
    snapshot: () => reconciler.snapshot(),
    shares: (next) => reconciler.shares(next),
  });
  const neighbours = createNeighbours({ nodeId: config.nodeId, status, snapshot: () => reconciler.snapshot() });
  const sentAt = new Map<number, number>();
  let health: Health | undefined;
  let dataplaneConnected = false;

  function onDataplane(message: FromDataplane): void {
    dataplaneConnected = true;
    if (message.type === 'applied') {
      const sent = sentAt.get(message.number);
      sentAt.clear();
      if (sent !== undefined) metrics.applied((clock.monotonicMs() - sent) / 1_000);
    }
    if (message.type === 'health') health = message;
    if (message.type === 'traffic')
      traffic.take(readings(reconciler.snapshot(), former, message.peers, clock.monotonicMs()));
    questions.heard(message);
    keeper.told(message);
    pairing.heard(message);
    presence.heard(message);
    verdicts.heard(message);
    neighbours.heard(message);
    carrying.heard(message);
    sightings.heard(message);
    reconciler.message(message);
  }

  const metrics = createMetrics(version, () =>
    figuresOf({
      ...{ nodeId: config.nodeId, snapshot: reconciler.snapshot() },
      ...{ status, now: clock.wall(), store, election, identity, health, bgp: neighbours.counts() },
    }),
  );

  const saved = await disk.load();
  if (saved !== undefined) {
    log.info('last-good-snapshot', { revision: String(saved.revision), records: saved.events.length });
    reconciler.load(saved);
  }
  // Not before: whose the handshakes are that the privileged half tells first stands in the snapshot.
  const seam = connectSeam(config.dataplaneSocket, {
    message: onDataplane,
    lost: () => {
      dataplaneConnected = false;
      for (const part of [questions, keeper, pairing, presence, verdicts, neighbours, reconciler]) part.lost();
    },
  });

  const server = newServer();
  const lead = { ...leader, leaderOf: (poolId: string) => election.leaderOf(poolId) };
  const api = openApi({
    ...{ config, version, reconciler, status, store, head, clock, log, metrics, lead, members, ...people },
    usage: { own: traffic.of, others: mesh.usage },
    denials: questions.denials,
    stayOf: presence.stayOf,
    dataplaneConnected: () => dataplaneConnected,
    alarms: () => [...identity.alarms(clock.wall()), ...authorities.alarms(), ...presence.alarms(), ...people.alarms()],
    trusted: trust.trusted,
    takeOver: (id, on) => (id === config.nodeId ? pairing.takeOver() : mesh.orderTakeover(id, on)),
    ...(trust.joining && { joining: trust.joining }),
    explain: { self, here: () => here, holderOf: presence.holderOf, facts: questions.facts, whereabouts: pairing.seen },
    reach: reaching,
  });
  askAgain = api.askAgain;
  api.serve(server);
  mesh.serve(server, api.gate, pairing, reaching.measure);
  leader.serve(server, api.gate, (method) => api.carryOut(method));
  const addresses = [endpointAt(config.mesh.address, config.api.port)];
  if (config.api.socket !== undefined) {
    // A daemon that was killed leaves its socket's file behind, and nobody can listen there again.
    await rm(config.api.socket, { force: true });
    addresses.push(`unix:${config.api.socket}`);
  }
  const listener = await listen(server, addresses, identity.server);
  const doors = [await openJoinPort(config, trust, { api, clock, log }), await people.listen(api)];
  const scrape = await serveMetrics(metrics, config.mesh.address, config.metrics.port);
  identity.onTaken((next) => {
    records.renew(next);
    mesh.renew();
  });
  log.info('daemon-ready', { version });

  const endPulse = startPulse((loopLagMs) => {
    const notServing = !isServing(reconciler.snapshot().revision, dataplaneConnected, status.own());
    const stale = !store.contact().connected;
    status.update({ stale, loopLagMs, notServing, ...carrying.now() });
    verdicts.beat();
    live.settle(clock.wall().getTime());
    pairing.beat();
    draining.beat();
    presence.beat();
    askAgain();
  });

  const renewing = renewAgainAndAgain(
    {
      ...{ identity, nodeId: config.nodeId, addresses: [config.mesh.address], clock, log },
      nodes: () => nodesToAsk(reconciler.snapshot(), config.nodeId),
      signing: () => signingAuthority(reconciler.snapshot())?.record.id,
      authority: () => trust.authority(reconciler.snapshot()),
    },
    signal,
  );
  const beaconing = runBeacon(
    {
      ...{ nodeId: config.nodeId, address: config.mesh.address, port: config.api.port, status, clock, log },
      others: mesh.addresses,
    },
    signal,
  );
  const knowing = authorities.run(signal);
  const electing = election.run(signal);
  const rotating = Promise.all([keeper.run(signal), people.run(signal)]);
  const tidying = tidyAgainAndAgain({ nodeId: config.nodeId, clock, store, head, election, log }, signal);

  try {
    for await (const batch of store.follow(signal, saved)) reconciler.take(batch);
  } catch (cause) {
    // It ends by its signal only: whatever this is, a daemon that no longer follows must be started anew.
    if (!signal.aborted) throw cause;
  }
  endPulse();
  // First of all: the sooner its pools have another leader, the better.
  await electing;
  mesh.close();
  leader.close();
  seam.close();
  await Promise.all([listener.close(graceMs), scrape.close(), ...doors.map((door) => door?.close(graceMs))]);
  await Promise.all([renewing, rotating, knowing, tidying, beaconing]);
  await Promise.all([records.close(), traffic.close()]);
}
