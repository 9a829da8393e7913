// Command context: what a daemon would give a command, with ids that count instead of being random.

import { freeIndexOf, nothingUnseen } from '#internal/allocator/allocator.ts';
import type { CommandContext } from '#internal/command/command.ts';
import type { Snapshot } from '#internal/model/model.ts';

/** @param first number of the first id, when several contexts serve one history. */
export function commandContext(snapshot: Snapshot, rest: Partial<CommandContext> = {}, first = 1): CommandContext {
  let last = first - 1;
  return {
    principal: 'admin/ada',
    now: new Date(1_760_000_000_000),
    newId: () => (last += 1).toString(16).padStart(12, '0').padEnd(32, 'e'),
    unseen: nothingUnseen,
    random: () => 0,
    freeIndex: freeIndexOf(snapshot),
    localPopId: 'p1',
    ...rest,
  };
}
