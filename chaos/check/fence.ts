// Fence: a transaction that a leader signed was committed while its election key stood, with that create revision.

import type { Court } from './invariant.ts';
import type { Judge } from './replay.ts';

export function judgeFence(court: Court): Judge {
  return {
    before(state, { audits, revision }) {
      for (const { audit } of audits) {
        if (audit === undefined || audit.fence === 0n) continue;
        const leader = state.leaders.get(audit.ledPoolId);
        const holds = leader?.createRevision === audit.fence && leader.nodeId === audit.nodeId;
        court.check('fence', holds, () => {
          const now = leader === undefined ? 'nobody' : `${leader.nodeId} since ${leader.createRevision}`;
          const by = `${audit.nodeId} as leader since ${audit.fence}`;
          return `revision ${revision}: committed by ${by}; ${audit.ledPoolId} is led by ${now}`;
        });
      }
    },
  };
}
