// Relay: hands datagrams that arrive for this node's WireGuard endpoint to another node that has the same address and key,
// as they are, so that each of the two hears what is for its own sessions.
//
// On the path: whoever moves sessions (internal/duty) opens it for as long as both have some, and closes it.
// A copy goes through a VXLAN link between the two, which takes both families whatever its own is, and datagrams of any
// size; what came through it is never sent back. It stands for the time of a move only, and ends by itself when nobody
// closes it. Never: decides who moves, or holds a kind of the plan: neither link nor tables are looked at by a comparison.

import { Fault } from '#internal/errors/errors.ts';
import { run } from '#internal/exec/exec.ts';
import { addLink, closing, type RelayEnds, type RelayPlace, relayText, removeLink } from './render.ts';
import { openThrough, type Paths } from './through.ts';

export type { RelayPlace } from './render.ts';

/**
 * `copied`: initiations are this node's, everything else goes to both. `handed`: initiations are the other node's alone, and
 * this one makes none itself; everything else goes to both. `kept`: nothing goes by the link any more, but who was last heard by it is
 * answered: wireguard-go would go on answering by it, and fail (ENODEV), until that client speaks again.
 */
export type RelayMode = 'copied' | 'handed' | 'kept';

export interface Relay {
  /** Again with another mode, or with the same to go on: after 90 s it ends by itself. @throws Fault: nothing is relayed */
  open(place: RelayPlace, mode: RelayMode): Promise<void>;
  /**
   * What tunnels send by this node goes on by the other one, which has opened a relay too. Gives whether it does: a node that does
   * not answer by its end is left alone. @throws Fault: it goes its own way
   */
  lead(ends: RelayEnds): Promise<boolean>;
  /** It goes its own way again. */
  part(): Promise<void>;
  close(): Promise<void>;
}

export interface RelayOptions {
  readonly netns: Paths;
}

export function openRelay({ netns: paths }: RelayOptions): Relay {
  const netns = paths.transport;
  const through = openThrough(paths);
  /** The link that stands; empty: none; undefined: what a process before this one has left is not known. */
  let standing: string | undefined;
  const nft = (input: string) => run({ file: 'nft', args: ['-f', '-'], netns, input });

  async function close(): Promise<void> {
    if (standing === '') return;
    standing = undefined;
    await nft(closing);
    // 1: some of it is not there.
    const input = `${removeLink.join('\n')}\n`;
    await run({ file: 'ip', args: ['-force', '-batch', '-'], netns, input, accept: [0, 1] });
    await through.close();
    standing = '';
  }

  return {
    open: async (place, mode) => {
      const link = addLink(place).join('\n');
      // Rendered before anything is touched: what is refused changes nothing.
      const text = relayText(place, mode);
      if (standing !== link) {
        await close();
        standing = undefined;
        try {
          await run({ file: 'ip', args: ['-batch', '-'], netns, input: `${link}\n` });
        } catch (cause) {
          throw new Fault(
            'unavailable',
            'no VXLAN link to the sibling can be made; load the kernel module vxlan',
            cause,
          );
        }
        await through.open(place);
        standing = link;
      }
      await nft(text);
    },
    lead: (ends) => through.lead(ends),
    part: () => through.part(),
    close,
  };
}
