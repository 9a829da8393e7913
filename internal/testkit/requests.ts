// Requests: the smallest fabric that a tunnel can be created in, and keys for it.

import { PopKind } from '#internal/gen/pop44/store/v1/records_pb.ts';
import type { FabricService } from '#internal/gen/pop44/v1/fabric_pb.ts';
import type { PoolService } from '#internal/gen/pop44/v1/pools_pb.ts';
import { makeIdentity, recipientOf } from '#internal/sealing/sealing.ts';
import type { Calls } from '#internal/rpc/rpc.ts';
import { newPrivateKey, publicKeyOf } from '#internal/x25519/x25519.ts';

/** A WireGuard public key that nobody else has. */
export const publicKey = (): string => publicKeyOf(newPrivateKey()).toString('base64');

/** PoP `p1` or the like, number n: endpoints and addresses follow from the number. */
export const popRequest = (n: number) => ({
  id: `p${n}`,
  kind: PopKind.CORE,
  endpoint4: `198.18.${n}.2`,
  endpoint6: `2001:db8:1:${n}::2`,
  endpointPort: 51820,
  publicKey: publicKey(),
  acceptsTunnels: true,
});

export const nodeRequest = (n: number) => ({
  id: `p${n}`,
  popId: `p${n}`,
  asn: 4_200_000_000 + n,
  loopback4: `198.19.0.${n}`,
  loopback6: `2001:db8:2::${n}`,
  meshAddress: `fd44:44::${n}`,
  meshPublicKey: publicKey(),
  meshPort: 51844,
  underlay4: `198.18.${n}.3`,
  underlay6: `2001:db8:1:${n}::3`,
  interconnectPublicKey: publicKey(),
  sealingPublicKey: recipientOf(makeIdentity()),
  apiPort: 4440,
});

/** Network, PoPs and nodes p1 to pN. `apiPort`: where nodes find each other's API. */
export async function createPops(
  fabric: Calls<(typeof FabricService)['method']>,
  count: number,
  apiPort?: number,
): Promise<void> {
  await fabric.createNetwork({ name: 'test', allowDocumentationSpace: true });
  for (let n = 1; n <= count; n += 1) {
    await fabric.createPop({ pop: popRequest(n) });
    await fabric.createNode({ node: { ...nodeRequest(n), ...(apiPort && { apiPort }) } });
  }
}

/** Network, PoPs and nodes p1 to pN, and one pool of each family. */
export async function createSmallFabric(
  fabric: Calls<(typeof FabricService)['method']>,
  pools: Calls<(typeof PoolService)['method']>,
  count: number,
): Promise<void> {
  await createPops(fabric, count);
  await pools.createPool({ prefix: '44.31.0.0/22' });
  await pools.createPool({ prefix: '2001:db8:44::/48' });
}
