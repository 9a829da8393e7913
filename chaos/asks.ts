// Asks: the requests that clients make, and what they remember of the answers.

import { create, type MessageInitShape } from '@bufbuild/protobuf';
import {
  AllocateRequestSchema,
  type AllocateResponse,
  type WishSchema,
} from '#internal/gen/pop44/v1/allocations_pb.ts';
import type { Tunnel as ShownTunnel } from '#internal/gen/pop44/v1/tunnels_pb.ts';
import { publicKey } from '#internal/testkit/requests.ts';
import { type Answer, type Ask, allocationKey } from './ask.ts';
import type { Held, Memory, Tunnel } from './memory.ts';
import { trafficPools } from './pools.ts';
import { poolId } from '#internal/model/model.ts';
import { contains, type Prefix } from '#internal/netip/netip.ts';

export type Wishes = readonly MessageInitShape<typeof WishSchema>[];

interface Who {
  readonly request: string;
  readonly owner: string;
  readonly memory: Memory;
}

const nothing = { given: [], prefixes: [], id: '' } as const;

const wishText = ({ pool = '', prefix = '', length = 0, count = 1 }: Wishes[number]): string =>
  prefix === '' ? `${count} x /${length} of ${pool}` : prefix;

export const allocateAnswer = ({ changed, allocations }: AllocateResponse): Answer => ({
  changed,
  given: allocations.map(allocationKey),
  prefixes: allocations,
  id: '',
});

export function askAllocate({ request, owner, memory }: Who, wishes: Wishes): Ask {
  const streamed = create(AllocateRequestSchema, { change: { requestId: request }, owner, wishes: [...wishes] });
  return {
    request,
    kind: 'allocate',
    owner,
    asked: wishes.map(wishText).join(', '),
    takes: [],
    streamed,
    send: async (client, options) => allocateAnswer(await client.allocations.allocate(streamed, options)),
    settled: (answer) =>
      memory.held.push(
        ...(answer?.prefixes ?? []).map(({ poolId: pool, prefix }) => ({ owner, poolId: pool, prefix })),
      ),
  };
}

/** All of one owner. What is refused or not done is held on. */
export function askRelease({ request, memory }: Omit<Who, 'owner'>, held: readonly Held[]): Ask {
  const [{ owner, poolId: pool }] = held as readonly [Held];
  const asked = held.map(({ prefix }) => prefix);
  const change = { requestId: request };
  return {
    request,
    kind: 'release',
    owner,
    asked: asked.join(', '),
    takes: held.map(allocationKey),
    send: async (client, options) => {
      const { changed } = await client.allocations.release({ change, owner, pool, prefixes: asked }, options);
      return { ...nothing, changed };
    },
    settled: (answer) => {
      if (answer === undefined) memory.held.push(...held);
    },
  };
}

/** The pools of the traffic do not overlap; a tunnel's prefixes name none. */
function poolAround(prefix: string): string {
  const around = Object.values(trafficPools).find((pool) => contains(pool.prefix as Prefix, prefix as Prefix));
  return around === undefined ? '' : poolId(around.prefix as Prefix);
}

export const tunnelKeys = ({ id, prefixes }: ShownTunnel): readonly string[] => [
  `tunnel/${id}`,
  ...prefixes.map((prefix) => allocationKey({ poolId: poolAround(prefix), prefix })),
];

/** `held`: taken into use by the tunnel. */
export function askCreateTunnel({ request, owner, memory }: Who, wishes: Wishes, held?: Held): Ask {
  const change = { requestId: request };
  const all = [...wishes, ...(held === undefined ? [] : [{ pool: held.poolId, prefix: held.prefix }])];
  const message = { change, owner, publicKey: publicKey(), wishes: all };
  return {
    request,
    kind: 'create-tunnel',
    owner,
    asked: all.map(wishText).join(', '),
    takes: [],
    send: async (client, options) => {
      const { changed, tunnel } = await client.tunnels.createTunnel(message, options);
      return { ...nothing, changed, given: tunnel === undefined ? [] : tunnelKeys(tunnel), id: tunnel?.id ?? '' };
    },
    settled: (answer) => {
      if (answer !== undefined) memory.tunnels.push({ id: answer.id, owner });
      else if (held !== undefined) memory.held.push(held);
    },
  };
}

export function askDeleteTunnel({ request, memory }: Omit<Who, 'owner'>, tunnel: Tunnel): Ask {
  const { id, owner } = tunnel;
  return {
    request,
    kind: 'delete-tunnel',
    owner,
    asked: id,
    takes: [`tunnel/${id}`],
    send: async (client, options) => {
      const { changed } = await client.tunnels.deleteTunnel({ change: { requestId: request }, tunnel: id }, options);
      return { ...nothing, changed };
    },
    settled: (answer) => {
      if (answer === undefined) memory.tunnels.push(tunnel);
    },
  };
}
