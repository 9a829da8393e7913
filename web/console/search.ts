// Search: the tunnels that an admin sees, in memory, so that no keystroke waits for a list.
//
// One list for each login that looks, read again while somebody looks; a login sees in it what daemons gave to that login.

import type { Client } from '#internal/client/client.ts';
import type { Clock } from '#internal/clock/clock.ts';
import type { Tunnel } from '#internal/gen/pop44/v1/tunnels_pb.ts';
import type { CallOptions } from '#internal/rpc/rpc.ts';
import { allTunnels } from '../tunnel-list.ts';

export interface Row {
  readonly id: string;
  readonly name: string;
  readonly owner: string;
  readonly prefixes: readonly string[];
  readonly pop: string;
  readonly at: string;
  readonly state: 'up' | 'waiting' | 'off' | 'stopped';
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
/** A list that is older is read again, meanwhile it is still shown for so long; it is forgotten when nobody has looked for so long. */
const freshMs = 5_000;
const shownMs = 15_000;
const keptMs = 120_000;
/** 10,000 tunnels are about 8 MB. */
const mostLists = 8;

interface List {
  rows: Promise<readonly Row[]>;
  atMs: number;
  usedMs: number;
}

function rowOf(tunnel: Tunnel, callsigns: ReadonlyMap<string, string>): Row {
  const { id, name, prefixes, popIds, heldByNodeId, enabled, suspension, publicKey } = tunnel;
  const owner = callsigns.get(tunnel.owner) ?? tunnel.owner;
  const pop = popIds[0] ?? '';
  const state = suspension !== undefined ? 'stopped' : !enabled ? 'off' : heldByNodeId === '' ? 'waiting' : 'up';
  const text = [id, name, owner, tunnel.owner, pop, heldByNodeId, state, publicKey, ...prefixes]
    .join(' ')
    .toLowerCase();
  return { id, name, owner, prefixes, pop, at: heldByNodeId, state, text };
}

/** Of owners that are users; a regional admin sees no accounts, and is shown their ids. */
async function callsignsOf(client: Client, call: CallOptions): Promise<ReadonlyMap<string, string>> {
  const found = new Map<string, string>();
  for (let pageToken = ''; ; ) {
    const { users, nextPageToken } = await client.people.listUsers({ pageSize: 1_000, pageToken }, call);
    for (const { owner, callsign } of users) found.set(owner, callsign);
    if (nextPageToken === '') return found;
    pageToken = nextPageToken;
  }
}

async function read(client: Client, call: CallOptions): Promise<readonly Row[]> {
  const [tunnels, callsigns] = await Promise.all([
    allTunnels(client, call),
    callsignsOf(client, call).catch(() => new Map<string, string>()),
  ]);
  const rows = tunnels.map((tunnel) => rowOf(tunnel, callsigns));
  return rows.sort((a, b) => (a.owner < b.owner ? -1 : a.owner > b.owner ? 1 : a.name < b.name ? -1 : 1));
}

export function createSearch(clock: Clock): Search {
  const lists = new Map<string, List>();

  async function rowsFor({ client, call, bearer = '' }: Parameters<Search['find']>[0]): Promise<readonly Row[]> {
    const nowMs = clock.monotonicMs();
    for (const [key, { usedMs }] of lists) if (nowMs - usedMs > keptMs || lists.size > mostLists) lists.delete(key);
    const known = lists.get(bearer);
    if (known !== undefined && nowMs - known.atMs < freshMs) {
      known.usedMs = nowMs;
      return known.rows;
    }
    const list: List = { rows: read(client, call), atMs: nowMs, usedMs: nowMs };
    lists.set(bearer, list);
    list.rows.catch(() => {
      if (lists.get(bearer) === list) lists.delete(bearer);
    });
    return known !== undefined && nowMs - known.atMs < shownMs ? known.rows : list.rows;
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
