// Places: which interfaces with our prefix stand in which namespace, their MTU and state. Only ip(8) tells this, also
// for wireguard-go: its own socket knows nothing of namespaces.

import type { Netns } from '#internal/dataplane/dataplane.ts';
import { run } from '#internal/exec/exec.ts';
import { type Interface, parseInterfaces } from './parse.ts';

export interface Place extends Interface {
  readonly netns: Netns;
}

export interface Places {
  /** Asks both namespaces; two processes, about 5 ms together. */
  read(): Promise<ReadonlyMap<string, Place>>;
  /** Where it was when last read, without asking; asks when it was not there. */
  netnsOf(name: string): Promise<Netns | undefined>;
  /** The same, never asking: of one that was not there, nothing, until all are read again. */
  known(name: string): Netns | undefined;
}

export function createPlaces(paths: Readonly<Record<Netns, string>>): Places {
  let last: ReadonlyMap<string, Place> = new Map();
  const readOne = async (netns: Netns): Promise<readonly Place[]> => {
    const { stdout } = await run({ file: 'ip', args: ['-j', 'link', 'show'], netns: paths[netns] });
    return parseInterfaces(stdout).map((found) => ({ ...found, netns }));
  };
  const read = async (): Promise<ReadonlyMap<string, Place>> => {
    const both = await Promise.all([readOne('transport'), readOne('pop')]);
    last = new Map(both.flat().map((place) => [place.name, place]));
    return last;
  };
  return {
    read,
    netnsOf: async (name) => (last.get(name) ?? (await read()).get(name))?.netns,
    known: (name) => last.get(name)?.netns,
  };
}
