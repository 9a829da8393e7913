// Bird counts: what the BGP sessions of a BIRD that a test has started have brought, as the driver reads it.

import { symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { realClock } from '#internal/clock/clock.ts';
import type { BgpCounts } from '#internal/dataplane/dataplane.ts';
import { openBird } from '#internal/driver/bird/bird.ts';
import { createLog } from '#internal/log/log.ts';

export interface BirdCounts {
  read(): Promise<readonly BgpCounts[]>;
  close(): Promise<void>;
}

/** @param socket of BIRD, in `runDir` */
export function openBirdCounts(runDir: string, socket: string): BirdCounts {
  symlinkSync(socket, join(runDir, 'pop.bird.ctl'));
  const netns = { pop: '/nowhere', transport: '/nowhere' };
  const bird = openBird({ netns, runDir, clock: realClock, log: createLog({}, 'silent') });
  return { read: () => bird.bgpCounts('pop'), close: () => bird.close() };
}
