// Submit: takes a command from its pure decision to its commit, whatever happens in between.
//
// On the path: the api hands over a request and its decide function; the store's one transaction decides; the answer,
// remembered under the request id, comes back the same however often it is asked for.
// Never: knows what a command does, gives a refusal that only an old snapshot would give, or calls failed what may
// have happened.

export type { Head } from './head.ts';
export { createHead } from './head.ts';
export type { LaneStore } from './lane.ts';
export type {
  Decided,
  Foresight,
  Forwarded,
  Granted,
  Latest,
  Lead,
  LeaderAnswer,
  Submission,
  Submit,
  SubmitOptions,
  SubmitStore,
} from './submission.ts';
export { createSubmit } from './submitting.ts';
