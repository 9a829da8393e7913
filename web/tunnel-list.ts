// Tunnel list: all tunnels that a login sees, page by page.

import type { Client } from '#internal/client/client.ts';
import type { Tunnel } from '#internal/gen/pop44/v1/tunnels_pb.ts';
import type { CallOptions } from '#internal/rpc/rpc.ts';

const pageSize = 1_000;

export async function allTunnels(client: Client, call: CallOptions): Promise<readonly Tunnel[]> {
  const found: Tunnel[] = [];
  for (let pageToken = ''; ; ) {
    const { tunnels, nextPageToken } = await client.tunnels.listTunnels({ pageSize, pageToken }, call);
    found.push(...tunnels);
    if (nextPageToken === '') return found;
    pageToken = nextPageToken;
  }
}
