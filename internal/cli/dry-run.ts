// Dry run: what a change would do, as people read it: records, and below each node its steps.

import type { Changed } from '#internal/gen/pop44/v1/common_pb.ts';
import { harmless } from './layout.ts';

/** Lines of a dry run's answer. A node that would do nothing is not named; a user is told of no node. */
export function dryRunText({ decision, plan, planUnseen }: Changed): string {
  const lines: string[] = [...decision];
  for (const { nodeId, steps, more } of plan) {
    lines.push(`plan of ${nodeId}:`, ...steps.map((step) => `  ${step}`));
    if (more > 0n) lines.push(`  and ${more} more`);
  }
  if (planUnseen > 0n)
    lines.push(`not planned, too many to be done in time: ${planUnseen} pairs of a node and a tunnel`);
  return lines.map((line) => `${harmless(line)}\n`).join('');
}
