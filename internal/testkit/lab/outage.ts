// Outage: how long nothing came back, of echoes that go out each 20 ms whatever comes.

import type { World } from './world.ts';

export interface Outage {
  /** The longest time between two replies, less the interval. */
  readonly ms: number;
  readonly replies: number;
  /** Sent and not answered. */
  readonly lost: number;
  /** Replies came until the end: what was away is back. */
  readonly ended: boolean;
}

const intervalMs = 20;
/** Between the last reply and the end of ping(8), on a busy machine. */
const endMs = 500;

/** `[1732561200.123456] 64 bytes from ...` (ping -D). */
const repliesIn = (text: string): readonly number[] =>
  [...text.matchAll(/^\[(\d+\.\d+)\] \d+ bytes from/gm)].map(([, at]) => Number(at) * 1_000);

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
  let ms = 0;
  for (const [at, time] of replies.entries())
    if (at > 0) ms = Math.max(ms, time - (replies[at - 1] ?? time) - intervalMs);
  const ended = end - (replies.at(-1) ?? 0) < endMs + rttMs;
  return {
    ms: Math.round(ended ? ms : Math.max(ms, end - (replies.at(-1) ?? end))),
    replies: replies.length,
    lost: Number(count) - replies.length,
    ended,
  };
}
