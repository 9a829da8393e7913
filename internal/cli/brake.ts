// Brake: lets a held snapshot through.

import type { Command } from 'commander';
import type { Session } from './session.ts';

export function brakeVerbs(brake: Command, session: Session): void {
  brake
    .command('release')
    .argument('<node>', 'node whose brake holds')
    .description('confirm that what the brake holds is meant')
    .action(async (nodeId: string) => {
      const answer = await (await session.client()).at(nodeId).status.releaseBrake({ nodeId });
      await session.done(answer, answer.held === '' ? `${nodeId} held nothing` : `released: ${answer.held}`);
    });
}
