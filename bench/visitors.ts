// Visitors: people who call by a pop44-web, each from an address of its own: what a daemon counts by source counts each apart.

import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type Client, type ClientOptions, type Context, openClient } from '#internal/client/client.ts';
import { UserState } from '#internal/gen/pop44/store/v1/people_pb.ts';
import { goodPassword, mailboxAt, newSecret } from '#internal/testkit/accounts.ts';
import type { Cluster } from '#internal/testkit/cluster.ts';
import { eventually } from '#internal/testkit/eventually.ts';
import { webFiles } from '#internal/testkit/lab/node-files.ts';
import { nodeDirectory } from '#internal/testkit/lab/places.ts';

/** RFC 6598: addresses of customers behind their carrier. 65,536 of them. */
export const sourceOf = (n: number): string => `100.64.${(n >> 8) & 0xff}.${n & 0xff}`;

/** As pop44-web calls: its certificate lets it say for which address. */
export function siteOf({ context, directory }: Cluster): Context {
  const at = (name: string): string => join(directory, name);
  return { ...context, certificate: at(webFiles.certificate), key: at(webFiles.key) };
}
export const frontOf = (cluster: Cluster, options: ClientOptions): Client => openClient(siteOf(cluster), options);

/** What the mail to a new account has, in the maildir of any of these nodes. */
export async function secretTo(nodeIds: readonly string[], address: string): Promise<Uint8Array> {
  return eventually(async () => {
    for (const id of nodeIds) {
      const maildir = join(nodeDirectory(id), 'state', 'mail');
      if (!(await stat(join(maildir, 'new')).catch(() => undefined))) continue;
      const box = mailboxAt(maildir);
      if (box.to(address).length > 0) return box.secretTo(address, 'confirm your address');
    }
    return undefined;
  }, 20_000);
}

const lettersOf = (n: number): string =>
  String.fromCharCode(...[676, 26, 1].map((unit) => 65 + (Math.floor(n / unit) % 26)));

/** `OE1AAB`: 17,576 of them. */
export const callsignOf = (n: number): string => `OE1${lettersOf(n)}`;

/** Accounts that may log in, from addresses of their own. The network lets everybody in. */
export async function members(cluster: Cluster, front: Client, count: number): Promise<readonly string[]> {
  const callsigns = Array.from({ length: count }, (_, n) => callsignOf(n));
  const nodeIds = cluster.nodes.map(({ id }) => id);
  for (const [n, callsign] of callsigns.entries()) {
    const from = { source: sourceOf(n) };
    const email = `${callsign.toLowerCase()}@example.org`;
    await front.people.signUp({ callsign, email, password: goodPassword }, from);
    const { state } = await front.people.verify({ secret: await secretTo(nodeIds, email) }, from);
    if (state !== UserState.ACTIVE) throw new Error(`${callsign} is not let in`);
  }
  return callsigns;
}

/** Gives what is borne from then on. */
export async function logIn(front: Client, callsign: string, source: string, password = goodPassword): Promise<string> {
  const { bearer, secretHash } = newSecret();
  await front.people.login({ name: callsign, password, secretHash, label: 'bench' }, { source });
  return bearer;
}
