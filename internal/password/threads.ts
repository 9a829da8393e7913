// Threads: where passwords are hashed, each begun when it is first wanted: they give way to those who provision, which
// threads of Node's own pool do not.

import { Worker } from 'node:worker_threads';
import type { HashAnswer, HashOrder } from './hash-thread.ts';

const program = new URL('./hash-thread.ts', import.meta.url);

export interface HashThreads {
  /** PHC string. */
  hash(password: string): Promise<string>;
  verify(against: string, password: string): Promise<boolean>;
}

/** Carries out as many at once as are asked for; whoever calls bounds them. */
export function hashThreads(): HashThreads {
  const idle: Worker[] = [];
  async function answerTo(order: HashOrder): Promise<HashAnswer> {
    const worker = idle.pop() ?? new Worker(program);
    const { promise, resolve, reject } = Promise.withResolvers<HashAnswer>();
    worker.on('message', resolve).on('error', reject);
    worker.ref();
    worker.postMessage(order);
    const answer = await promise;
    worker.off('message', resolve).off('error', reject);
    // One that has failed has ended, and comes to nobody any more.
    worker.unref();
    idle.push(worker);
    return answer;
  }
  return {
    hash: async (password) => String(await answerTo({ password })),
    verify: async (against, password) => (await answerTo({ password, against })) === true,
  };
}
