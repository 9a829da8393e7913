// Observe: the table's listing without elements, and the elements, each only when it is not known: a process costs 6 to 8 ms.

import { type Element, key, type Ruleset } from '#internal/dataplane/dataplane.ts';
import { nftTable } from '#internal/dataplane/ownership.ts';
import { run } from '#internal/exec/exec.ts';
import { ourTable, parseElements } from './parse.ts';
import type { Space } from './space.ts';

/** 100,000 elements take 2.4 s (measured). */
const timeoutMs = 30_000;

const nft = async (space: Space, ...args: readonly string[]): Promise<string> =>
  (await run({ file: 'nft', args, netns: space.path, accept: [0, 1], timeoutMs })).stdout;

/**
 * The kernel's own words for our table, stateless and without elements; empty when there is no such table. By the
 * whole family, because `list table` fetches the elements even where it does not print them (2 ms against 22).
 */
export const listing = async (space: Space): Promise<string> =>
  ourTable(await nft(space, '-s', '-t', 'list', 'ruleset', 'inet'));

/** Reads them from the kernel when they are not known. */
export async function knownElements(space: Space): Promise<Map<string, Element>> {
  if (space.elements === undefined) {
    // Watched before it is read, so that a change in between makes them unknown again.
    await space.session();
    const read = new Map<string, Element>();
    space.elements = read;
    // Protocols as numbers: their names would depend on the machine's /etc/protocols.
    const json = await nft(space, '-j', '-p', 'list', 'table', 'inet', nftTable);
    for (const element of json === '' ? [] : parseElements(space.netns, json))
      read.set(key('element', element), element);
    return read;
  }
  return space.elements;
}

/** As it is, asked only if somebody else may have changed it since. */
async function knownListing(space: Space): Promise<string> {
  if (space.listed !== undefined) return space.listed;
  // From then on whatever changes it makes the elements unknown.
  const isWatched = space.elements !== undefined;
  const now = await listing(space);
  if (isWatched && space.elements !== undefined) space.listed = now;
  return now;
}

/** A table that is not as we left it is reported with its listing for a text, which differs from any wanted one. */
export async function observeSpace(
  space: Space,
  ruleset: Map<string, Ruleset>,
  element: Map<string, Element>,
): Promise<void> {
  const now = await knownListing(space);
  if (now === '') {
    // Its elements went with it, though the monitor may have to tell 65,000 of them before it comes to the table (2 s, measured).
    await space.session();
    space.elements = new Map();
    return;
  }
  for (const [name, value] of await knownElements(space)) element.set(name, value);
  const applied = space.applied();
  ruleset.set(space.netns, { netns: space.netns, text: applied?.listing === now ? applied.text : now });
}
