// Tunnels: many of them, made through the API as fast as it takes them.

import { randomBytes } from 'node:crypto';
import type { Client } from '#internal/client/client.ts';
import { noiseKeysOf } from '#internal/testkit/noise.ts';

export interface Made {
  readonly id: string;
  /** Its first IPv4 address. */
  readonly address4: string;
}

export interface TunnelWish {
  readonly homePopId: string;
  /** Both ways, bits a second; absent: no limit. */
  readonly rate?: bigint;
}

const atOnce = 8;
const appliedWithinMs = 60_000;

/** As WireGuard writes it. */
export const newPrivateKey = (): string => randomBytes(32).toString('base64');
export const publicKeyOf = (privateKey: string): string => noiseKeysOf(privateKey).publicKey.toString('base64');

/** One for each private key, in their order. */
export async function createTunnels(
  client: Client,
  keys: readonly string[],
  { homePopId, rate }: TunnelWish,
): Promise<readonly Made[]> {
  const made: Made[] = [];
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let at = next++; at < keys.length; at = next++) {
      const { tunnel } = await client.tunnels.createTunnel({
        publicKey: publicKeyOf(keys[at] ?? ''),
        homePopId,
        ...(rate !== undefined && { rateUpBitPerSecond: rate, rateDownBitPerSecond: rate }),
      });
      made[at] = { id: tunnel?.id ?? '', address4: tunnel?.prefixes[0]?.split('/')[0] ?? '' };
    }
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  return made;
}

type CreateRequest = Parameters<Client['tunnels']['createTunnel']>[0];

/** A tunnel's that nobody will speak from. */
export const newPublicKey = (): string => randomBytes(32).toString('base64');

/** So many more, by turns through these clients. Gives how many were made a second. */
export async function fillTunnels(
  clients: readonly Client[],
  count: number,
  wish: (n: number) => CreateRequest,
  { atOnce, say }: { readonly atOnce: number; readonly say: (line: string) => void },
): Promise<number> {
  const began = performance.now();
  const tellEach = count > 20_000 ? 10_000 : 1_000;
  let next = 0;
  const worker = async (client: Client): Promise<void> => {
    for (let n = next++; n < count; n = next++) {
      await client.tunnels.createTunnel(wish(n));
      if ((n + 1) % tellEach === 0) say(`  ${n + 1} tunnels`);
    }
  };
  await Promise.all(
    Array.from({ length: atOnce }, (_, at) => {
      const client = clients[at % clients.length];
      return client === undefined ? Promise.resolve() : worker(client);
    }),
  );
  return (1_000 * count) / (performance.now() - began);
}

/** Done when every node has carried out what was asked until then, or until that revision. */
export async function applied(client: Client, revision?: bigint): Promise<void> {
  const until = revision ?? (await client.status.getStatus({})).freshness?.revision ?? 0n;
  for await (const { pendingNodeIds } of client.status.waitApplied(
    { revision: until },
    { deadlineMs: appliedWithinMs },
  ))
    if (pendingNodeIds.length === 0) return;
}
