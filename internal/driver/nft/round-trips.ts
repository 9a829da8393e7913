// Round trips: what the transport namespace's table has seen of handshakes (desired/nft-round-trips.ts), as milliseconds by
// endpoint. Two processes; read when peers have shaken hands, not in a comparison.

import { nftTable, tripSets } from '#internal/dataplane/ownership.ts';
import { run } from '#internal/exec/exec.ts';

/** Of one session's messages by their type: how long each has still to live. */
type Ages = Partial<Record<string, number>>;

const unitMs: Readonly<Record<string, number>> = { m: 60_000, s: 1_000, ms: 1 };

/** `59s380ms`, `1m`. */
const lifeMs = (text: string): number =>
  [...text.matchAll(/(\d+)(ms|m|s)/g)].reduce(
    (sum, [, count, unit = '']) => sum + Number(count) * (unitMs[unit] ?? 0),
    0,
  );

/** What we sent, and what comes back for it: for an initiation a response, for a response the first data. */
const answers = [
  ['0x1000000', '0x2000000'],
  ['0x2000000', '0x4000000'],
] as const;

function tripOf(ages: Ages): number | undefined {
  for (const [sent, back] of answers) {
    const sentLife = ages[sent];
    if (sentLife === undefined) continue;
    const backLife = ages[back];
    return backLife === undefined || backLife < sentLife ? undefined : backLife - sentLife;
  }
  return undefined;
}

/** By endpoint (`198.18.1.2:51820`, `[2001:db8::1]:51820`), the shortest of what is known. */
export function tripsIn(listing: string): ReadonlyMap<string, number> {
  const sessions = new Map<string, { endpoint: string; ages: Ages }>();
  const element = /([0-9a-f.:]+) \. (\d+) \. (0x[0-9a-f]+) \. (0x[0-9a-f]+) expires (\w+)/g;
  for (const [, address = '', port = '', index = '', type = '', life = ''] of listing.matchAll(element)) {
    const endpoint = `${address.includes(':') ? `[${address}]` : address}:${port}`;
    const name = `${endpoint} ${index}`;
    const session = sessions.get(name) ?? { endpoint, ages: {} };
    session.ages[type] = lifeMs(life);
    sessions.set(name, session);
  }
  const trips = new Map<string, number>();
  for (const { endpoint, ages } of sessions.values()) {
    const trip = tripOf(ages);
    if (trip !== undefined) trips.set(endpoint, Math.min(trip, trips.get(endpoint) ?? trip));
  }
  return trips;
}

/** Empty where the node is of no pair. */
export async function readTrips(netns: string): Promise<ReadonlyMap<string, number>> {
  // One at a time: nft 1.0.6 knows only the last set of a transaction that lists two. 1: there is no such set.
  const listings = Object.values(tripSets).map((set) =>
    run({ file: 'nft', args: ['list', 'set', 'inet', nftTable, set], netns, accept: [0, 1] }),
  );
  return tripsIn((await Promise.all(listings)).map(({ stdout }) => stdout).join('\n'));
}
