// Strangers: logins of nobody, at a rate, from a process of their own: whoever floods is elsewhere, and what is measured beside must
// not wait in the same loop. Arguments: `Strangers` as JSON. Says on a line what came of each: `[[ms, outcome], ...]`.

import { type Context, openClient } from '#internal/client/client.ts';
import { atRate, type Pace } from './at-rate.ts';
import { outcomeOf } from './outcome.ts';
import { callsignOf, logIn, sourceOf } from './visitors.ts';

export interface Strangers {
  /** Of a site: they come from an address each. */
  readonly context: Context;
  readonly node: string;
  readonly deadlineMs: number;
  /** The number of the first. */
  readonly first: number;
  readonly pace: Pace;
}

const { context, first, pace, ...options } = JSON.parse(process.argv[2] ?? '') as Strangers;
const front = openClient(context, options);
const called = await atRate(pace, (n) =>
  outcomeOf(logIn(front, callsignOf(first + n), sourceOf(first + n), 'x'.repeat(20))),
);
// A pipe takes it in parts.
process.stdout.write(`${JSON.stringify(called)}\n`, () => process.exit(0));
