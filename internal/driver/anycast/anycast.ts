// Driver anycast: the second chance of ciphertext. Nodes of several PoPs share an endpoint and its key; the internet chooses
// which of them a datagram reaches. One that is for a session of another is sent on to that node as it is, and its WireGuard
// answers the client itself, from the endpoint that they share.
//
// On the path: who holds which client's session comes in as elements of a map, never as a rule; which clients are relayed is
// told to who asks. The link is VXLAN through the management mesh, whose keys say who sent it.
// Never: decides who holds a session, or opens a datagram.

import { readFileSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '#internal/clock/clock.ts';
import type { Anycast, MutableDataplane } from '#internal/dataplane/dataplane.ts';
import { anycastAddress, anycastLink, meshLink, mostAnycastNumber } from '#internal/dataplane/ownership.ts';
import { type Driver, demand, isEndpoint, isInteger, type StepFailure } from '#internal/driver/driver.ts';
import { messageOf } from '#internal/errors/errors.ts';
import { run } from '#internal/exec/exec.ts';
import type { Step } from '#internal/plan/step.ts';
import { parseMark, parseMeshRoutes, parseRelayed, parseSent, type Relayed } from './parse.ts';
import {
  birthLine,
  bridgeLines,
  calledLines,
  checkAnycast,
  forgetLines,
  heldLines,
  linkLines,
  listArgs,
  markOf,
  sourceOf,
  tableArgs,
  tablesText,
  withoutTables,
} from './render.ts';

export type { Relayed } from './parse.ts';

/** That a client's session is at another node; absent number: it is no other node's any more. */
export interface Elsewhere {
  readonly endpoint: string;
  readonly number?: number;
  /** Until it is forgotten, 1 to 3,600. */
  readonly seconds: number;
}

export interface AnycastDriver extends Driver<'anycast'> {
  /**
   * Where there is no link it is kept until there is one. O(changes). @throws Fault
   * @param whole these are all there are: whatever else is held is so no more
   */
  hold(changes: readonly Elsewhere[], whole: boolean): Promise<void>;
  /** Their handshakes are this node's from now on, and what else they send goes to both; or no more. @throws Fault */
  called(endpoints: readonly string[], called: boolean): Promise<void>;
  /** Clients that are being relayed; undefined, and for nothing, while no datagram is. O(relayed). */
  relayed(): Promise<readonly Relayed[] | undefined>;
  /** The link stands, as last observed or made. */
  stands(): boolean;
}

export interface AnycastOptions {
  /** File of the transport namespace. */
  readonly netns: string;
  /** Has `anycast.json`, and `transport.bird.pid` of a process in that namespace. */
  readonly runDir: string;
  readonly clock: Clock;
}

const families = [4, 6] as const;
const longestSeconds = 3_600;
/** Elements in one transaction: 10 ms. */
const mostAtOnce = 5_000;

export function openAnycast({ netns, runDir, clock }: AnycastOptions): AnycastDriver {
  const file = join(runDir, 'anycast.json');
  /** What was made last, by whichever process of ours. */
  let made = readMade(file);
  let standing = false;
  let knows = false;
  /** What the map is to hold by endpoint, until its time is over. */
  const held = new Map<string, { readonly number: number; readonly untilMs: number }>();
  let sent: number | undefined;
  let queue: Promise<unknown> = Promise.resolve();
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const turn = queue.then(work);
    queue = turn.catch(() => undefined);
    return turn;
  };
  const nft = (input: string) => run({ file: 'nft', args: ['-f', '-'], netns, input });

  async function remove(): Promise<void> {
    standing = false;
    await nft(withoutTables);
    // 1: there is none.
    await run({ file: 'ip', args: ['link', 'del', 'dev', anycastLink], netns, accept: [0, 1] });
    // Those of the mesh stay behind the link.
    const lines = (made?.others ?? [])
      .map((other) => `route del ${anycastAddress(other)}/32 dev ${meshLink}\n`)
      .join('');
    await run({ file: 'ip', args: ['-force', '-batch', '-'], netns, input: lines, accept: [0, 1] });
    made = undefined;
    writeFileSync(file, 'null', { mode: 0o600 });
  }

  async function make(want: Anycast): Promise<void> {
    checkAnycast(want);
    await remove();
    writeFileSync(file, JSON.stringify(want), { mode: 0o600 });
    made = want;
    const ip = (lines: readonly string[]) =>
      run({ file: 'ip', args: ['-batch', '-'], netns, input: `${lines.join('\n')}\n` });
    await ip([birthLine(want)]);
    await nft(tablesText(want));
    await ip(linkLines(want));
    if (want.others.length > 0)
      await run({ file: 'bridge', args: ['-batch', '-'], netns, input: `${bridgeLines(want).join('\n')}\n` });
    standing = true;
    await restore(want);
  }

  /** Into tables that are new. */
  async function restore({ others }: Anycast): Promise<void> {
    const nowMs = clock.monotonicMs();
    const lines = [...held].flatMap(([endpoint, { number, untilMs }]) => {
      const seconds = Math.ceil((untilMs - nowMs) / 1_000);
      return seconds < 1 || !others.includes(number)
        ? []
        : heldLines(sourceOf(endpoint), undefined, { number, seconds });
    });
    knows = true;
    for (let at = 0; at < lines.length; at += mostAtOnce) await change(lines.slice(at, at + mostAtOnce));
  }

  async function stands(): Promise<boolean> {
    if (made === undefined) return false;
    const mark = markOf(made);
    const ip = (...args: readonly string[]) => run({ file: 'ip', args, netns, accept: [0, 1] });
    const [link, routes, ...tables] = await Promise.all([
      ip('-j', 'link', 'show', 'dev', anycastLink),
      ip('-4', '-j', 'route', 'show', 'dev', meshLink),
      ...families.map((family) => run({ file: 'nft', args: tableArgs(family), netns, accept: [0, 1] })),
    ]);
    const led = parseMeshRoutes(routes.stdout);
    return (
      parseMark(link.stdout) === mark &&
      made.others.every((other) => led.has(anycastAddress(other))) &&
      tables.every(({ stdout }) => stdout.includes(`"${mark}"`))
    );
  }

  async function change(lines: readonly string[]): Promise<void> {
    if (lines.length > 0) await nft(`${lines.join('\n')}\n`);
  }

  async function holdSome(changes: readonly Elsewhere[]): Promise<void> {
    const lines: string[] = knows ? [] : [...forgetLines];
    for (const { endpoint, number, seconds } of changes) {
      demand(isEndpoint(endpoint), 'an endpoint', endpoint);
      demand(isInteger(seconds, 1, longestSeconds), 'seconds from 1 to 3600', seconds);
      demand(number === undefined || isInteger(number, 0, mostAnycastNumber), 'the number of a node', number);
      const known = (each: number | undefined): number | undefined =>
        each !== undefined && made?.others.includes(each) === true ? each : undefined;
      const [before, now] = [known(held.get(endpoint)?.number), known(number)];
      lines.push(...heldLines(sourceOf(endpoint), before, now === undefined ? undefined : { number: now, seconds }));
      if (number === undefined) held.delete(endpoint);
      else held.set(endpoint, { number, untilMs: clock.monotonicMs() + seconds * 1_000 });
    }
    if (standing) {
      await change(lines);
      knows = true;
    }
    for (const [endpoint, { untilMs }] of held) if (untilMs < clock.monotonicMs()) held.delete(endpoint);
  }

  return {
    kinds: ['anycast'],
    observe: async (): Promise<Pick<MutableDataplane, 'anycast'>> => {
      standing = await inTurn(stands);
      return { anycast: new Map(standing && made !== undefined ? [[made.name, made]] : []) };
    },
    apply: async (steps: readonly Step[]): Promise<readonly StepFailure[]> => {
      const failures: StepFailure[] = [];
      for (const step of steps) {
        if (step.kind !== 'anycast') continue;
        try {
          await inTurn(() => (step.op === 'remove' ? remove() : make(step.want)));
        } catch (cause) {
          failures.push({ step, message: messageOf(cause) });
        }
      }
      return failures;
    },
    hold: (changes, whole) =>
      inTurn(async () => {
        if (whole) {
          held.clear();
          knows = false;
        }
        for (let at = 0; at < Math.max(1, changes.length); at += mostAtOnce)
          await holdSome(changes.slice(at, at + mostAtOnce));
      }),
    called: (endpoints, called) =>
      inTurn(async () => {
        for (const endpoint of endpoints) demand(isEndpoint(endpoint), 'an endpoint', endpoint);
        if (standing) await change(endpoints.flatMap((endpoint) => calledLines(sourceOf(endpoint), called)));
      }),
    relayed: async () => {
      if (!standing) return undefined;
      const now = await sentBy(join(runDir, 'transport.bird.pid'));
      if (now !== undefined && now === sent) return undefined;
      sent = now;
      const lists = await Promise.all(
        families.map((family) => run({ file: 'nft', args: listArgs(family), netns, accept: [0, 1] })),
      );
      return lists.flatMap(({ stdout }) => (stdout === '' ? [] : parseRelayed(stdout)));
    },
    stands: () => standing,
    onDisturbance: () => undefined,
    close: async () => {
      await queue;
    },
  };
}

function readMade(file: string): Anycast | undefined {
  try {
    const value = JSON.parse(readFileSync(file, 'utf8')) as Anycast | null;
    if (value === null) return undefined;
    checkAnycast(value);
    return value;
  } catch {
    // None yet, or torn: the first comparison makes it anew.
    return undefined;
  }
}

async function sentBy(pidFile: string): Promise<number | undefined> {
  try {
    const pid = Number.parseInt(await readFile(pidFile, 'utf8'), 10);
    return parseSent(await readFile(`/proc/${pid}/net/dev`, 'utf8'));
  } catch {
    return undefined;
  }
}
