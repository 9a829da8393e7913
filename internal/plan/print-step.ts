// Print step: what will be done, in the words of the dataplane.

import type { Step } from './step.ts';

/** One line a step: what will be done, no secrets (values hold none: keys of links are paths of files). */
export function printStep(step: Step): string {
  const sign = { add: '+', change: '~', remove: '-' }[step.op];
  return `${sign} ${step.kind} ${step.key}`;
}
