// Pool: the verbs of prefixes to cut addresses from.

import type { Command } from 'commander';
import { checkVerb } from './pool-check.ts';
import { createVerb, delegateVerb, deleteVerb } from './pool-create.ts';
import { drainVerb } from './pool-drain.ts';
import { reservationVerbs } from './pool-reserve.ts';
import { growAndShrinkVerbs } from './pool-resize.ts';
import { getVerb, listVerb, poolWatchVerb } from './pool-show.ts';
import { updateVerbs } from './pool-update.ts';
import type { Session } from './session.ts';

const verbs = [
  ...[createVerb, listVerb, getVerb, poolWatchVerb, updateVerbs, growAndShrinkVerbs, delegateVerb, drainVerb],
  ...[reservationVerbs, checkVerb, deleteVerb],
];

export function poolVerbs(pool: Command, session: Session): void {
  for (const verb of verbs) verb(pool, session);
}
