// Still gone: which of the peers whose tunnels other nodes hold have not come back meanwhile.

interface Shaken {
  readonly publicKey: string;
  readonly lastHandshakeMs: number;
}

/**
 * Asked of WireGuard itself and at the last moment: the network half hears of a handshake up to 2 s later, and a session that
 * is taken away from its client is missed for 15 s. O(peers), for all that are let go at once.
 */
export async function stillGone(
  left: readonly (readonly [publicKey: string, leftMs: number])[],
  telemetry: () => Promise<readonly Shaken[]>,
): Promise<readonly string[]> {
  const leftMs = new Map(left);
  const back = (await telemetry()).filter(
    (of) => of.lastHandshakeMs > (leftMs.get(of.publicKey) ?? Number.POSITIVE_INFINITY),
  );
  for (const { publicKey } of back) leftMs.delete(publicKey);
  return [...leftMs.keys()];
}
