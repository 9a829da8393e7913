// Tunnel list: all tunnels that a login sees, or those of one owner, page by page.

import type { Client } from '#internal/client/client.ts';
import type { Tunnel } from '#internal/gen/pop44/v1/tunnels_pb.ts';
import type { CallOptions } from '#internal/rpc/rpc.ts';

const pageSize = 1_000;

/** @param owner empty: everybody that the login sees */
export async function allTunnels(client: Client, call: CallOptions, owner = ''): Promise<readonly Tunnel[]> {
  const found: Tunnel[] = [];
  for (let pageToken = ''; ; ) {
    const { tunnels, nextPageToken } = await client.tunnels.listTunnels({ pageSize, pageToken, owner }, call);
    found.push(...tunnels);
    if (nextPageToken === '') return found;
    pageToken = nextPageToken;
  }
}
