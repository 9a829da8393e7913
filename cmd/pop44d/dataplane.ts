// The privileged half of a node: wires drivers, applier and seam.

import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type AnyDriver,
  type Applier,
  comparisonMs,
  createApplier,
  createLinkWatch,
  createNudge,
  packetsReceived,
  watchCounters,
  watchHandshakes,
} from '#internal/applier/applier.ts';
import { type Clock, realClock } from '#internal/clock/clock.ts';
import { madeKeyBase, type NodeConfig } from '#internal/config/config.ts';
import { accessLinks } from '#internal/dataplane/ownership.ts';
import { firstMeshPeers, meshDataplane } from '#internal/desired/mesh.ts';
import { openAnycast } from '#internal/driver/anycast/anycast.ts';
import { openBird } from '#internal/driver/bird/bird.ts';
import { openFlows } from '#internal/driver/conntrack/conntrack.ts';
import { openConntrackd } from '#internal/driver/conntrackd/conntrackd.ts';
import { openFloat } from '#internal/driver/float/float.ts';
import { openIp } from '#internal/driver/ip/ip.ts';
import { openNft } from '#internal/driver/nft/nft.ts';
import { openPing } from '#internal/driver/ping/ping.ts';
import { openRelay } from '#internal/driver/relay/relay.ts';
import { openTc } from '#internal/driver/tc/tc.ts';
import { openWg } from '#internal/driver/wg/wg.ts';
import { messageOf } from '#internal/errors/errors.ts';
import { madeKeyFiles, makeInterconnectKey } from '#internal/keyfile/keyfile.ts';
import { createLog } from '#internal/log/log.ts';
import { endpointHost } from '#internal/netip/netip.ts';
import { type FromDataplane, onlyOwnerOf, serveSeam } from '#internal/seam/seam.ts';
import { answerTo, isQuestion } from './answers.ts';
import { tellBgpCounts } from './bgp-counts.ts';
import { wireDuty } from './duty.ts';
import { tellFlows } from './flow-counts.ts';
import { carryOut } from './flow-orders.ts';
import { createSecondChance } from './second-chance.ts';
import { stillGone } from './still-gone.ts';
import { accessTelemetry, handshakeOf } from './telemetry.ts';

/** Milliseconds: a hand that changes one thing changes three; one comparison sees them all. */
const disturbanceMs = 50;

function attempted(base: string, keep: readonly string[], clock: Clock): { publicKey: string; problem: string } {
  try {
    return { publicKey: makeInterconnectKey(base, keep, clock.wall()), problem: '' };
  } catch (cause) {
    return { publicKey: '', problem: messageOf(cause) };
  }
}

export async function runDataplane(config: NodeConfig, signal: AbortSignal): Promise<void> {
  const log = createLog({ node: config.nodeId, half: 'dataplane' });
  const clock = realClock;
  await mkdir(config.runDir, { recursive: true, mode: 0o700 });
  const { netns, runDir, accessKeyFile, sealingKeyFile } = config;
  const keyBase = madeKeyBase(config);
  const wg = await openWg({
    netns,
    runDir,
    privateKeyFiles: [
      accessKeyFile ?? [],
      config.interconnectKeyFile,
      madeKeyFiles(keyBase),
      config.mesh.privateKeyFile,
    ].flat(),
    madeKeyBase: keyBase,
    ...(sealingKeyFile === undefined ? {} : { sealingKeyFile }),
    clock,
    log,
  });
  // What it keeps is of use for as long as the kernel has the tables.
  const nft = await openNft({ netns, stateDir: runDir, clock, log });
  const ip = openIp({ netns });
  const float = openFloat({ netns: netns.transport, clock, log });
  const bird = openBird({ netns, runDir, ...(sealingKeyFile === undefined ? {} : { sealingKeyFile }), clock, log });
  const states = openConntrackd({ netns: netns.pop, runDir, clock, log });
  const anycast = openAnycast({ netns: netns.transport, runDir, clock });
  const ping = openPing({ netns });
  const flows = openFlows({ netns: netns.pop, runDir, clock, log });
  // Of the seam, before it is there: nobody listens yet.
  let send = (_message: FromDataplane): void => undefined;
  const duty = await wireDuty(
    {
      ...{
        config,
        clock,
        log,
        drivers: { wg, nft, bird, float, states, relay: openRelay({ netns }) },
      },
      applier: () => applier,
      send: (message) => send(message),
      telemetry: () => accessTelemetry(wg),
      shares: anycast.stands,
    },
    signal,
  );
  const nudge = createNudge();
  const second = createSecondChance({
    ...{ driver: anycast, wg, clock, log, hindrance: duty.hindrance, answered: nudge.now },
    applier: () => applier,
    send: (message) => send(message),
    telemetry: () => accessTelemetry(wg),
  });
  const drivers: readonly AnyDriver[] = [
    wg,
    ip,
    float,
    await openTc({ netns: netns.pop, log }),
    nft,
    bird,
    states,
    anycast,
    duty.driver,
  ];
  const handshakes = new Map<string, number>();
  const applier: Applier = createApplier({
    drivers,
    gates: duty.holder.gates,
    fixed: meshDataplane(config),
    first: firstMeshPeers(config.mesh),
    shaken: (peer) => handshakes.has(peer),
    endFlows: flows.end,
    clock,
    log,
  });
  await applier.start();
  log.info('dataplane-ready', { accessPeers: applier.accessPeers() });

  let asked = false;
  const links = createLinkWatch({
    sessions: () => bird.bfdSessions('pop'),
    tell: (all) => seam.send({ type: 'links', links: all }),
    // Clients of a node that shares our endpoint wait for it when they come here.
    hurry: () => anycast.stands(),
    failed: (cause) => log.warn('links-unread', { reason: messageOf(cause) }),
    clock,
  });
  const counters = watchCounters(clock, (peers) => seam.send({ type: 'traffic', peers }), signal);
  const seam = await serveSeam(config.dataplaneSocket, {
    admits: onlyOwnerOf(config.stateDir, { clock, refused: (reason) => log.error('peer-refused', { reason }) }),
    connected: (send) => {
      // First: a network half that was restarted would else want no route of a tunnel that is here away from home,
      // until its next handshake (REKEY_AFTER_TIME, 120 s).
      send({ type: 'handshakes', peers: [...handshakes].map(handshakeOf) });
      send({ type: 'traffic', peers: counters.all() });
      duty.greet(send);
      send({ type: 'links', links: links.all() });
      send({ type: 'hello', accessPeers: applier.accessPeers() });
    },
    refused: (error) => log.error('message-refused', { reason: messageOf(error) }),
    message: (message, answer) => {
      if (isQuestion(message)) {
        answerTo({ drivers, wg, ip, nft, bird, ping }, message).then(answer, (cause: unknown) =>
          log.error(`${message.type.replace('ask-', '')}-unread`, { reason: messageOf(cause) }),
        );
        return;
      }
      if (message.type === 'ask-interconnect-key') {
        answer({ type: 'interconnect-key', number: message.number, ...attempted(keyBase, message.keep, clock) });
        return;
      }
      if (message.type === 'whereabouts') {
        duty.told(message);
        return;
      }
      if (message.type === 'forget') {
        stillGone(message.peers, () => accessTelemetry(wg))
          .then(applier.forget)
          .catch((cause: unknown) => log.error('sessions-unforgotten', { reason: messageOf(cause) }));
        return;
      }
      if (message.type === 'ask-flows' || message.type === 'carry-flows') {
        carryOut(message, { flows, answer, log });
        return;
      }
      if (message.type === 'elsewhere' || message.type === 'take-clients' || message.type === 'leave-clients') {
        second.order(message);
        return;
      }
      if (message.type === 'clock') {
        duty.clockAhead(message.aheadMs);
        return;
      }
      if (message.type === 'ask-takeover') {
        duty.holder.takeOver().then(
          (problem) => answer({ type: 'taken-over', number: message.number, problem }),
          (cause: unknown) => log.error('takeover-failed', { reason: messageOf(cause) }),
        );
        return;
      }
      const want = message;
      duty.holder.take(want);
      applier.want(want).then(answer, (cause: unknown) => {
        const reason = messageOf(cause);
        log.error('want-failed', { reason });
        // Without an answer the network half would wait for ever, and tell nothing more.
        answer({ type: 'applied', number: want.number, revision: want.revision, failing: 1, failures: [reason] });
      });
    },
  });
  send = (message) => seam.send(message);
  const holding = duty.holder.run(signal);
  const isPair = (): boolean => duty.holder.report().role !== 'alone';
  const telling = tellFlows({ counts: states.counts, isPair, send, clock }, signal);
  const linking = links.run(signal);
  const relaying = second.run(signal);
  const counting = tellBgpCounts({ counts: bird.bgpCounts, send, clock, log }, signal);
  const compare = (): Promise<void> =>
    applier.compare().then(
      (health) => seam.send({ ...health, undone: bird.undone() }),
      (cause: unknown) => log.error('comparison-failed', { reason: messageOf(cause) }),
    );
  for (const driver of drivers)
    driver.onDisturbance((reason) => {
      log.warn('disturbed', { reason });
      if (asked) return;
      asked = true;
      clock
        .sleep(disturbanceMs, signal)
        .then(() => {
          asked = false;
          return compare();
        })
        .catch(() => undefined);
    });

  const watching = watchHandshakes(
    {
      peers: async () => {
        const peers = await accessTelemetry(wg);
        counters.look(peers);
        duty.look(peers);
        return peers;
      },
      received: () => packetsReceived(join(runDir, 'pop.bird.pid'), accessLinks),
      confirmed: (endpoints) => {
        nft
          .known(endpoints.map(endpointHost))
          .catch((cause: unknown) => log.warn('known-sources', { reason: messageOf(cause) }));
      },
      known: handshakes,
      failed: (cause) => log.error('handshakes-unread', { reason: messageOf(cause) }),
      hurried: () => applier.awaitsSuccessor() || second.calls(),
      ...{ nudge, clock },
    },
    (peers) => {
      // Here first: until its addresses have moved, what a successor sends is lost.
      void applier.shook(peers.map(([peer]) => peer));
      seam.send({ type: 'handshakes', peers: peers.map(handshakeOf) });
    },
    signal,
  );

  while (!signal.aborted) {
    // Not all nodes of a machine at once.
    await clock.sleep(comparisonMs * (0.8 + Math.random() / 5), signal).catch(() => undefined);
    if (!signal.aborted) await compare();
  }
  await Promise.all([watching, holding, telling, linking, counting, relaying]);
  await seam.close();
  await applier.close();
  await flows.close();
}
