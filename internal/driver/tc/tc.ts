// Driver tc: the shapers of our interfaces in the pop namespace and their classes, by tc(8): HTB, with a short queue in
// each class, fq_codel where the kernel has it, else a plain one.
//
// Ours is: the root queue of an interface with our prefix when it is HTB with handle 1:, and every class below it.
// A shaper goes with its interface; the comparison that follows an interface's death finds it missing.
// Never: touches an interface without our prefix, or filters packets (nft tells each its class).

import type { ShaperClass } from '#internal/dataplane/dataplane.ts';
import type { Driver } from '#internal/driver/driver.ts';
import { run } from '#internal/exec/exec.ts';
import type { Log } from '#internal/log/log.ts';
import { applySteps } from './apply.ts';
import { observeAll } from './observe.ts';
import type { Queue } from './render.ts';

export interface TcOptions {
  /** File of the pop namespace. */
  readonly netns: string;
  readonly log: Log;
}

export type TcDriver = Driver<'shaper' | 'class'>;

/** Classes as last observed or reached, by key: a root that must be made anew takes them along. */
export type KnownClasses = Map<string, ShaperClass>;

/** Asked in a namespace that ends with the question, so that nothing of anybody's is touched. */
async function kernelHas(kind: string): Promise<boolean> {
  const args = ['--net', '--', 'tc', 'qdisc', 'add', 'dev', 'lo', 'root', kind];
  return (await run({ file: 'unshare', args, accept: [0, 1, 2] })).exitCode === 0;
}

/** Detects the queue and says once which. */
export async function openTc({ netns, log }: TcOptions): Promise<TcDriver> {
  const queue: Queue = (await kernelHas('fq_codel')) ? 'fq_codel' : 'bfifo';
  log.info('shaper-queue', { queue });
  const classes: KnownClasses = new Map();
  return {
    kinds: ['shaper', 'class'],
    async observe() {
      const found = await observeAll(netns, queue);
      classes.clear();
      for (const [key, value] of found.class) classes.set(key, value);
      return found;
    },
    apply: (steps) => applySteps({ netns, queue, classes }, steps),
    // What others do is found by the comparison each 10 s; a link's death is told by its own driver.
    onDisturbance: () => {},
    close: async () => {},
  };
}
