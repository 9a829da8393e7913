// Carry: a load of echoes through sessions of many tunnels, and what came back of it.
//
// Packets are sealed before, so that while it lasts there is little to do but to send and to count. Replies are counted by
// what stands in clear in a WireGuard packet; each sixteenth is opened too, which proves that it is the server's, and tells how long it took.

import { readFile } from 'node:fs/promises';
import { realClock } from '#internal/clock/clock.ts';
import { echoReply, echoRequest } from '#internal/testkit/icmp-echo.ts';
import type { WireguardClients } from '#internal/testkit/wireguard-clients.ts';
import type { Load, Loaded } from './load.ts';
import { used } from './processors.ts';
import { quantile } from './report.ts';

/** A WireGuard packet without anything in it: a keepalive (WireGuard paper, 5.4.6). */
const emptyBytes = 32;
/** Of the last replies. */
const lateMs = 1_000;
const openedEach = 16;
/** How much faster than wanted it sends while it is late. */
const haste = 1.25;
/** Of sending without looking who answers. */
const mostTurnMs = 3;

/** Packets that found the buffers of sockets in this network namespace full, so far. */
async function dropped(): Promise<number> {
  const [names = '', values = ''] = (await readFile('/proc/self/net/snmp', 'utf8'))
    .split('\n')
    .filter((line) => line.startsWith('Udp: '));
  return Number(values.split(' ')[names.split(' ').indexOf('RcvbufErrors')]);
}

export interface Carrier {
  readonly clients: WireguardClients;
  /** Of each client in its tunnel. */
  readonly addresses: readonly string[];
  /** Who answers the echoes. */
  readonly to: string;
  /** Whom the clients' transport packets go to from then on. */
  listen(listener: (at: number, packet: Buffer) => void): void;
}

export async function carry({ clients, addresses, to, listen }: Carrier, load: Load): Promise<Loaded> {
  const { tunnels, packetsPerSecond, bytes, ms } = load;
  const rounds = Math.ceil((packetsPerSecond * ms) / 1_000);
  const due = rounds * tunnels;
  // One buffer: hundreds of thousands of small ones make the collector stop everything for 0.2 s at a time (measured).
  let sealedBytes = 0;
  let packets = Buffer.alloc(0);
  for (let at = 0; at < due; at += 1) {
    const [id, sequence] = [at % tunnels, Math.floor(at / tunnels)];
    const sealed = clients.session(id)?.seal(echoRequest(addresses[id] ?? '', to, { id, sequence }, bytes));
    if (sealed === undefined) throw new Error(`tunnel ${id} has no session`);
    if (at === 0) {
      sealedBytes = sealed.length;
      packets = Buffer.alloc(due * sealedBytes);
    }
    sealed.copy(packets, at * sealedBytes);
  }
  const sentMs = new Float64Array(due);
  const repliesOf = new Uint32Array(tunnels);
  const tripMs: number[] = [];
  let received = 0;
  let unopened = 0;
  listen((at, packet) => {
    if (packet.length === emptyBytes || at >= tunnels) return;
    received += 1;
    repliesOf[at] = (repliesOf[at] ?? 0) + 1;
    if (received % openedEach !== 0) return;
    const nowMs = realClock.monotonicMs();
    const inner = clients.session(at)?.open(packet);
    const reply = inner && echoReply(inner);
    if (reply?.id === at) tripMs.push(nowMs - (sentMs[reply.sequence * tunnels + at] ?? Number.NaN));
    else unopened += 1;
  });
  globalThis.gc?.();
  const [before, droppedBefore] = [await used(), await dropped()];
  const began = realClock.monotonicMs();
  const perMs = (tunnels * packetsPerSecond) / 1_000;
  let sent = 0;
  let stalledMs = 0;
  for (let lastMs = began; sent < due; ) {
    const nowMs = realClock.monotonicMs();
    stalledMs = Math.max(stalledMs, nowMs - lastMs);
    // Who was late does not make up for it at once, which would be a burst that none of these clients means.
    const allowed = Math.ceil(haste * perMs * Math.min(nowMs - lastMs, mostTurnMs)) + 1;
    const last = Math.min(due, Math.floor((nowMs - began) * perMs) + 1, sent + allowed);
    lastMs = nowMs;
    for (; sent < last; sent += 1) {
      sentMs[sent] = nowMs;
      clients.send(sent % tunnels, packets.subarray(sent * sealedBytes, (sent + 1) * sealedBytes));
    }
    await realClock.sleep(1);
  }
  const tookMs = realClock.monotonicMs() - began;
  const after = await used();
  await realClock.sleep(lateMs);
  listen(() => {});
  const lossy = repliesOf.reduce((count, replies) => count + Number(replies < rounds), 0);
  return {
    sent,
    received,
    unopened,
    dropped: (await dropped()) - droppedBefore,
    lossyTunnels: lossy,
    // Above 1: this process could not send as fast as it should have.
    slowness: tookMs / ms,
    stalledMs,
    busy: after.busy.map((seconds, at) => ((seconds - (before.busy[at] ?? 0)) * 1_000) / tookMs),
    foreign: ((after.foreign - before.foreign) * 1_000) / tookMs,
    p50Ms: quantile(tripMs, 0.5),
    p99Ms: quantile(tripMs, 0.99),
    worstMs: quantile(tripMs, 1),
  };
}
