// Search: the tunnels that an admin sees, in memory, so that no keystroke waits for a list.
//
// One list for each login that looks, read again while somebody looks; a login sees in it what daemons gave to that login.

import type { Client } from '#internal/client/client.ts';
import type { Clock } from '#internal/clock/clock.ts';
import type { Tunnel } from '#internal/gen/pop44/v1/tunnels_pb.ts';
import type { CallOptions } from '#internal/rpc/rpc.ts';
import { allTunnels } from '../tunnel-list.ts';
import { troubleOf } from '../words.ts';
import { callsignsOf } from './owners.ts';

export interface Row {
  readonly id: string;
  readonly name: string;
  readonly owner: string;
  readonly prefixes: readonly string[];
  readonly pop: string;
  readonly at: string;
  readonly state: 'seen' | 'waiting' | 'off' | 'stopped';
  /** Everything that is searched, in lower case. */
  readonly text: string;
}

export interface Found {
  readonly rows: readonly Row[];
  readonly matches: number;
  readonly all: number;
  readonly page: number;
  readonly pages: number;
}

export interface Search {
  /** @throws Refused, Fault */
  find(
    visit: { readonly client: Client; readonly call: CallOptions; readonly bearer: string | undefined },
    query: string,
    page: number,
  ): Promise<Found>;
  /** What a login has changed is to be seen at once. */
  forget(bearer: string | undefined): void;
}

const rowsOfPage = 50;
/**
 * A list that is older is read again behind who looks, who is shown the old one meanwhile, however long daemons take; one
 * that is as old as the second is of a time when nobody looked, and is waited for anew.
 */
const freshMs = 5_000;
const shownMs = 60_000;
/** Of the time in which a list is being read again, so that who looks is not slowed by it; and how seldom that may make it. */
const readingShare = 0.1;
const seldomMs = 30_000;
/** 10,000 tunnels are about 8 MB. */
const mostLists = 8;

interface List {
  /** Undefined: it was never read. */
  rows: readonly Row[] | undefined;
  /** When what `rows` shows was asked for, and how long that took. */
  atMs: number;
  tookMs: number;
  reading: Promise<readonly Row[]> | undefined;
}

function rowOf(tunnel: Tunnel, callsigns: ReadonlyMap<string, string>): Row {
  const { id, name, prefixes, popIds, heldByNodeId, enabled, suspension, publicKey } = tunnel;
  const owner = callsigns.get(tunnel.owner) ?? tunnel.owner;
  const pop = popIds[0] ?? '';
  const state = suspension !== undefined ? 'stopped' : !enabled ? 'off' : heldByNodeId === '' ? 'waiting' : 'seen';
  const text = [id, name, owner, tunnel.owner, pop, heldByNodeId, state, publicKey, ...prefixes]
    .join(' ')
    .toLowerCase();
  return { id, name, owner, prefixes, pop, at: heldByNodeId, state, text };
}

async function read(client: Client, call: CallOptions): Promise<readonly Row[]> {
  const [tunnels, callsigns] = await Promise.all([allTunnels(client, call), callsignsOf(client, call)]);
  const rows = tunnels.map((tunnel) => rowOf(tunnel, callsigns));
  return rows.sort((a, b) => (a.owner < b.owner ? -1 : a.owner > b.owner ? 1 : a.name < b.name ? -1 : 1));
}

export function createSearch(clock: Clock): Search {
  const lists = new Map<string, List>();

  function readAgain(list: List, client: Client, call: CallOptions): Promise<readonly Row[]> {
    const askedMs = clock.monotonicMs();
    list.reading ??= read(client, call)
      .then((rows) => Object.assign(list, { rows, atMs: askedMs, tookMs: clock.monotonicMs() - askedMs }).rows)
      .finally(() => {
        list.reading = undefined;
      });
    return list.reading;
  }

  async function rowsFor({ client, call, bearer = '' }: Parameters<Search['find']>[0]): Promise<readonly Row[]> {
    const nowMs = clock.monotonicMs();
    const known = lists.get(bearer) ?? { rows: undefined, atMs: nowMs, tookMs: 0, reading: undefined };
    // The last that was used stands last.
    lists.delete(bearer);
    lists.set(bearer, known);
    for (const [key, { atMs }] of lists)
      if (key !== bearer && (lists.size > mostLists || nowMs - atMs > shownMs)) lists.delete(key);
    const { rows } = known;
    const ageMs = nowMs - known.atMs;
    if (rows === undefined || ageMs > shownMs) return readAgain(known, client, call);
    if (ageMs > Math.min(seldomMs, Math.max(freshMs, known.tookMs / readingShare))) {
      readAgain(known, client, call).catch((thrown: unknown) => {
        // A login that has ended is shown nothing more; daemons that are away are asked by the next keystroke.
        if (troubleOf(thrown)?.loggedOut === true) lists.delete(bearer);
      });
    }
    return rows;
  }

  return {
    async find(visit, query, page) {
      const all = await rowsFor(visit);
      const words = query
        .toLowerCase()
        .split(/\s+/)
        .filter((word) => word !== '');
      const matching = words.length === 0 ? all : all.filter(({ text }) => words.every((word) => text.includes(word)));
      const pages = Math.max(1, Math.ceil(matching.length / rowsOfPage));
      const at = Math.min(Math.max(1, page), pages);
      return {
        rows: matching.slice((at - 1) * rowsOfPage, at * rowsOfPage),
        ...{ matches: matching.length, all: all.length, page: at, pages },
      };
    },
    forget: (bearer = '') => void lists.delete(bearer),
  };
}
