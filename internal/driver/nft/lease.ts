// Lease: leave to speak from the endpoint, as one element of a set of the transport namespace that runs out by itself.
//
// Packets renew it, and only while it stands (desired/nft-transport.ts): it is begun here and by nobody else.

import { leaseSet, nftTable } from '#internal/dataplane/ownership.ts';
import { Fault } from '#internal/errors/errors.ts';
import { run } from '#internal/exec/exec.ts';
import type { Space } from './space.ts';

export interface Lease {
  /** @throws Fault `rejected` where the ruleset has no such set */
  begin(): Promise<void>;
  end(): Promise<void>;
  /** Of the kernel itself; 6 ms, a process. */
  stands(): Promise<boolean>;
}

const set = `inet ${nftTable} ${leaseSet}`;
/** IPPROTO_UDP; by number, because the names are the machine's (/etc/protocols). */
const element = `add element ${set} { 17 }`;
/** Whatever stands there: that nothing does is no error. */
const none = `flush set ${set}`;

export const leaseElement = element;

export function leaseOf(space: Space): Lease {
  const tell = async (text: string): Promise<void> => space.exclusive(async () => (await space.session()).run(text));
  return {
    begin: async () => {
      space.leased = true;
      // One that stands keeps its old end: what goes before it makes it new.
      await tell(`${none}; ${element}`);
    },
    end: async () => {
      space.leased = false;
      try {
        await tell(none);
      } catch (error) {
        // No table, or one without a fence to open.
        if (!(error instanceof Fault && error.code === 'rejected')) throw error;
      }
    },
    stands: async () => {
      const args = ['-n', 'list', 'set', 'inet', nftTable, leaseSet];
      const { stdout } = await run({ file: 'nft', args, netns: space.path, accept: [0, 1] });
      return stdout.includes('elements');
    },
  };
}
