// Carry: a load of echoes through sessions of many tunnels, and what came back of it.
//
// Packets are sealed before, so that while it lasts there is little to do but to send and to count. Replies are counted by
// what stands in clear in a WireGuard packet; each eighth is opened too, which proves that it is the server's, and tells how long it took.

import { realClock } from '#internal/clock/clock.ts';
import { echoReply, echoRequest } from '#internal/testkit/icmp-echo.ts';
import type { WireguardClients } from '#internal/testkit/wireguard-clients.ts';
import type { Load, Loaded } from './load.ts';
import { quantile } from './report.ts';

/** A WireGuard packet without anything in it: a keepalive (WireGuard paper, 5.4.6). */
const emptyBytes = 32;
/** Of the last replies. */
const lateMs = 1_000;
const openedEach = 8;
/** In one turn of this process, so that it takes in what has come meanwhile. */
const mostAtOnce = 48;
const yieldTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** @param listen whom the clients' transport packets go to from then on */
export async function carry(
  clients: WireguardClients,
  addresses: readonly string[],
  to: string,
  { tunnels, packetsPerSecond, bytes, ms }: Load,
  listen: (listener: (at: number, packet: Buffer) => void) => void,
): Promise<Loaded> {
  const rounds = Math.ceil((packetsPerSecond * ms) / 1_000);
  const due = rounds * tunnels;
  const packets: Buffer[] = [];
  for (let sequence = 0; sequence < rounds; sequence += 1)
    for (let at = 0; at < tunnels; at += 1) {
      const sealed = clients.session(at)?.seal(echoRequest(addresses[at] ?? '', to, { id: at, sequence }, bytes));
      if (sealed === undefined) throw new Error(`tunnel ${at} has no session`);
      packets.push(sealed);
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
  const began = realClock.monotonicMs();
  const perMs = (tunnels * packetsPerSecond) / 1_000;
  let sent = 0;
  while (sent < due) {
    const nowMs = realClock.monotonicMs();
    const last = Math.min(due, Math.floor((nowMs - began) * perMs) + 1, sent + mostAtOnce);
    for (; sent < last; sent += 1) {
      sentMs[sent] = nowMs;
      clients.send(sent % tunnels, packets[sent] as Buffer);
    }
    if (sent < Math.floor((realClock.monotonicMs() - began) * perMs)) await yieldTurn();
    else await realClock.sleep(1);
  }
  const tookMs = realClock.monotonicMs() - began;
  await realClock.sleep(lateMs);
  listen(() => {});
  const lossy = repliesOf.reduce((count, replies) => count + Number(replies < rounds), 0);
  return {
    sent,
    received,
    unopened,
    lossyTunnels: lossy,
    // Above 1: this process could not send as fast as it should have.
    slowness: tookMs / ms,
    p50Ms: quantile(tripMs, 0.5),
    p99Ms: quantile(tripMs, 0.99),
    worstMs: quantile(tripMs, 1),
  };
}
