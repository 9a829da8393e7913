// Order between mechanisms: additions and changes go from the floor up, removals afterwards from the roof down.
//
// Add before delete, so that a peer that moves is never without a home. Rules before links, so that nothing flows
// unfiltered; links before their shapers, and these before peers, so that nothing flows unlimited. Announcements (BIRD) last when adding: nobody is called before the way is there; and before every
// removal: nobody is sent where nothing is any more.

import { kinds } from '#internal/dataplane/dataplane.ts';
import type { Step } from './step.ts';

export function rank(step: Pick<Step, 'op' | 'kind'>): number {
  const floor = kinds.indexOf(step.kind);
  return step.op === 'remove' ? 2 * kinds.length - floor : floor;
}
