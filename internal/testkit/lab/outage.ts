// Outage: how long nothing came back, of echoes that go out each 20 ms whatever comes.

import type { World } from './world.ts';

export interface Outage {
  /** The longest time between two replies, less the interval. */
  readonly ms: number;
  readonly replies: number;
  /** Sent and not answered. */
  readonly lost: number;
  /** When those were sent, Unix time in milliseconds, by the ones that were answered. */
  readonly lostAtMs: readonly number[];
  /** Replies came until the end: what was away is back. */
  readonly ended: boolean;
}

const intervalMs = 20;
/** Between the last reply and the end of ping(8), on a busy machine. */
const endMs = 500;

interface Reply {
  /** From 1. */
  readonly number: number;
  /** Unix time, milliseconds. */
  readonly atMs: number;
  readonly rttMs: number;
}

/** `[1732561200.123456] 64 bytes from 44.31.0.1: icmp_seq=1 ttl=61 time=0.721 ms` (ping -D); one that came twice counts once. */
function repliesIn(text: string): readonly Reply[] {
  const lines = text.matchAll(/^\[(\d+\.\d+)\] \d+ bytes from .* icmp_seq=(\d+) .* time=(\d+(?:\.\d+)?) ms$/gm);
  return [...lines].map(([, at, number, rtt]) => ({
    number: Number(number),
    atMs: Number(at) * 1_000,
    rttMs: Number(rtt),
  }));
}

function lostAmong(replies: readonly Reply[], count: number): readonly number[] {
  const sent = new Map(replies.map(({ number, atMs, rttMs }) => [number, atMs - rttMs]));
  const lost: number[] = [];
  let [number, atMs] = [...sent].sort(([a], [b]) => a - b)[0] ?? [1, Number.NaN];
  atMs -= (number - 1) * intervalMs;
  for (number = 1; number <= count; number += 1) {
    const answered = sent.get(number);
    atMs = answered ?? atMs + intervalMs;
    if (answered === undefined) lost.push(Math.round(atMs));
  }
  return lost;
}

export interface Watch {
  readonly seconds: number;
  /** Own address that is sent from; absent: the kernel's choice. */
  readonly from?: string;
  /** There and back: the last replies are waited for, and come so much later. */
  readonly rttMs?: number;
}

/** Pings for so long from a namespace, and tells the longest silence, that until the end too. @param watch or its seconds */
export async function outageDuring(
  lab: Pick<World, 'exec'>,
  netns: string,
  address: string,
  watch: number | Watch,
): Promise<Outage> {
  const { seconds, from, rttMs = 0 }: Watch = typeof watch === 'number' ? { seconds: watch } : watch;
  const every = String(intervalMs / 1_000);
  // Not by -w: with that, ping(8) ends at the first ICMP error, and routers say "unreachable" while routes move.
  const count = String(Math.round((seconds * 1_000) / intervalMs));
  const source = from === undefined ? [] : ['-I', from];
  const waitSeconds = String(0.1 + rttMs / 1_000);
  const argv = ['ping', '-n', '-D', '-i', every, '-c', count, '-W', waitSeconds, ...source, address];
  const { stdout } = await lab.exec(netns, argv, { timeoutMs: (seconds + 30) * 1_000, accept: [0, 1] });
  const end = Date.now();
  const replies = repliesIn(stdout);
  const times = replies.map(({ atMs }) => atMs);
  let ms = 0;
  for (const [at, time] of times.entries()) if (at > 0) ms = Math.max(ms, time - (times[at - 1] ?? time) - intervalMs);
  const ended = end - (times.at(-1) ?? 0) < endMs + rttMs;
  const lostAtMs = lostAmong(replies, Number(count));
  return {
    ms: Math.round(ended ? ms : Math.max(ms, end - (times.at(-1) ?? end))),
    replies: replies.length,
    lost: lostAtMs.length,
    lostAtMs,
    ended,
  };
}
