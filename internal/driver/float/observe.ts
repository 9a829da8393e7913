// Observe: two processes, one a family; and how a gateway fares as a neighbour.

import type { Floating } from '#internal/dataplane/dataplane.ts';
import { floatingProtocol } from '#internal/dataplane/ownership.ts';
import { demand, isPrefix } from '#internal/driver/driver.ts';
import { Fault } from '#internal/errors/errors.ts';
import { run } from '#internal/exec/exec.ts';
import type { Place } from './announcer.ts';
import {
  parseBatch,
  parseCarrier,
  parseFloating,
  parseLinkOf,
  parsePlaces,
  parseStanding,
  parseState,
  type Standing,
} from './parse.ts';

const families = [4, 6] as const;

export interface Found {
  readonly floating: Map<string, Floating>;
  /** By address: what stands, and where. */
  readonly places: ReadonlyMap<string, Place>;
}

/** Answers of ip(8), one for each question; a question that fails ends it (-batch). */
async function asked(netns: string, family: 4 | 6, questions: readonly string[], accept = [0]) {
  const input = `${questions.join('\n')}\n`;
  const { stdout } = await run({ file: 'ip', args: [`-${family}`, '-N', '-j', '-batch', '-'], netns, input, accept });
  return parseBatch(stdout);
}

export interface Seen {
  readonly standing: readonly Standing[];
  readonly floating: Floating | undefined;
  readonly places: ReadonlyMap<string, Place>;
}

export async function observeFamily(netns: string, family: 4 | 6): Promise<Seen> {
  const routes = `route show table all protocol ${floatingProtocol}`;
  const [addresses, ways, links] = await asked(netns, family, ['address show', routes, 'link show']);
  if (addresses === undefined || ways === undefined || links === undefined)
    throw new Fault('protocol', `ip -${family} gave fewer answers than questions`);
  const standing = parseStanding(addresses);
  return { standing, floating: parseFloating(family, standing, ways), places: parsePlaces(links) };
}

export async function observeAll(netns: string): Promise<Found> {
  const floating = new Map<string, Floating>();
  const places = new Map<string, Place>();
  for (const family of families) {
    const seen = await observeFamily(netns, family);
    if (seen.floating !== undefined) floating.set(String(family), seen.floating);
    for (const { address, dev } of seen.standing) {
      const place = seen.places.get(dev);
      if (place !== undefined) places.set(address, place);
    }
  }
  return { floating, places };
}

const familyOf = (address: string): 4 | 6 => (address.includes(':') ? 6 : 4);

const demandAddress = (address: string): void =>
  demand(isPrefix(`${address}/${familyOf(address) === 4 ? 32 : 128}`), 'an address', address);

/** The interface on whose link an address is; undefined: on none. @throws Fault `invalid` */
export async function linkTo(netns: string, address: string): Promise<string | undefined> {
  demandAddress(address);
  // 1, 2: no route at all.
  const [route] = await asked(netns, familyOf(address), [`route get ${address}`], [0, 1, 2]);
  return route === undefined ? undefined : parseLinkOf(route);
}

/** `unknown`: it was asked and has not answered yet. */
export type Neighbour = 'up' | 'down' | 'unknown';

/** ip-neighbour(8): it has answered, or there is no asking. */
const known = new Set(['REACHABLE', 'STALE', 'DELAY', 'PROBE', 'PERMANENT', 'NOARP']);
/** Those that would be believed for half a minute or for ever (arp(7): base_reachable_time). */
const believed = new Set(['REACHABLE', 'STALE', 'DELAY']);

/**
 * The kernel asks a neighbour when there is something to send, and a standby sends nothing: it is made to ask each time. Three
 * questions in three seconds without an answer are its end (arp(7): ucast_solicit, retrans_time).
 */
export async function neighbourOf(netns: string, gateway: string): Promise<Neighbour> {
  const dev = await linkTo(netns, gateway);
  if (dev === undefined) return 'down';
  const questions = [`link show dev ${dev}`, `neighbour show to ${gateway} dev ${dev}`];
  const [link = '', neighbour = ''] = await asked(netns, familyOf(gateway), questions);
  if (!parseCarrier(link)) return 'down';
  const state = parseState(neighbour);
  const how = believed.has(state) ? ['change', 'nud', 'probe'] : known.has(state) ? undefined : ['replace', 'use'];
  if (how !== undefined) {
    const [verb = '', ...rest] = how;
    // 2: it has just been forgotten; the next look finds it so.
    await run({ file: 'ip', args: ['neighbour', verb, gateway, 'dev', dev, ...rest], netns, accept: [0, 2] });
  }
  if (known.has(state)) return 'up';
  return state === 'FAILED' ? 'down' : 'unknown';
}
