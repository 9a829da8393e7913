// Owners: what people call the owners of tunnels and addresses.

import type { Client } from '#internal/client/client.ts';
import type { CallOptions } from '#internal/rpc/rpc.ts';

/** By owner; empty for who sees no accounts, as a regional admin: owners are shown by their ids then. */
export async function callsignsOf(client: Client, call: CallOptions): Promise<ReadonlyMap<string, string>> {
  const found = new Map<string, string>();
  try {
    for (let pageToken = ''; ; ) {
      const { users, nextPageToken } = await client.people.listUsers({ pageSize: 1_000, pageToken }, call);
      for (const { owner, callsign } of users) found.set(owner, callsign);
      if (nextPageToken === '') return found;
      pageToken = nextPageToken;
    }
  } catch {
    // Whatever is wrong, the rest of the page asks the same daemons and says so.
    return new Map();
  }
}
