// Observe: one process for all queues of the namespace, and one for the classes of each interface that has a shaper.

import { emptyDataplane, type MutableDataplane, put } from '#internal/dataplane/dataplane.ts';
import { run } from '#internal/exec/exec.ts';
import { parseClasses, parseQdiscs } from './parse.ts';
import type { Queue } from './render.ts';

export type Found = Pick<MutableDataplane, 'shaper' | 'class'>;

/** 31,000 classes take 255 ms (measured); a machine under load gets more. */
const timeoutMs = 30_000;

export async function observeAll(netns: string, queue: Queue): Promise<Found> {
  const found = emptyDataplane();
  const { stdout } = await run({ file: 'tc', args: ['-d', '-j', 'qdisc', 'show'], netns, timeoutMs });
  const { shapers, queues } = parseQdiscs(stdout);
  await Promise.all(
    shapers.map(async (shaper) => {
      put(found, 'shaper', shaper);
      const { dev } = shaper;
      // 1: the interface is gone by now. Without -j: tc of iproute2 6.1 has no JSON for these.
      const classes = await run({ file: 'tc', args: ['class', 'show', 'dev', dev], netns, accept: [0, 1], timeoutMs });
      for (const each of parseClasses(dev, classes.stdout, { queue, queues })) put(found, 'class', each);
    }),
  );
  return { shaper: found.shaper, class: found.class };
}
