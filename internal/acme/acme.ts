// ACME: a certificate by a CA that asks the names for a proof by HTTP (RFC 8555, http-01; RFC 9773), renewed by itself.
//
// On the path: a keeper orders, keeps and renews; whoever listens at port 80 answers what the CA asks with challengeAnswer.
// Never: listens, agrees to terms of service that nobody has agreed to, or shows a key to anybody.

export { type AccountKey, accountKeyOf } from './account-key.ts';
export { challengeAnswer } from './challenge.ts';
export { createKeeper, type Keeper } from './keeper.ts';
export type { Pair } from './order.ts';
export type { Authority } from './session.ts';
