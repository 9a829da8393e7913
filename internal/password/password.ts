// Password: what may be one, and its hash.
//
// On the path: the API asks before it makes or changes an account, and at each login; hashing goes through one bounded
// queue, since it is the dearest thing that a stranger can ask for.
// Never: keeps, logs or shows a password; lets more than a few be hashed at once.

export { type Argon, argon } from './argon.ts';
export type { Hasher } from './hasher.ts';
export { createHasher } from './hasher.ts';
export { passwordProblem } from './rules.ts';
