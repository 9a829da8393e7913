// Standing: what a login or a token is worth now: whose it is, and whether it still opens anything.

import { timestampMs } from '@bufbuild/protobuf/wkt';
import { type Refusal, refuse } from '#internal/errors/errors.ts';
import { type ApiToken, type Login, type User, UserRole, UserState } from '#internal/gen/pop44/store/v1/people_pb.ts';
import type { People } from './snapshot.ts';

const dayMs = 86_400_000;

/** Milliseconds that a login lasts: NIST SP 800-63B-4 2.1.3 and 2.2.3, 30 days for what is one's own, a day for what is others'. */
export const lifeMs = (role: UserRole): number => (role === UserRole.USER ? 30 * dayMs : dayMs);

/** Of what a user owns: tunnels, addresses, quota. */
export const ownerOf = (userId: string): string => `user/${userId}`;
/** Undefined: the owner is no user. */
export const userIdOf = (owner: string): string | undefined => /^user\/([0-9a-f]{12})$/.exec(owner)?.[1];

export interface Standing {
  readonly user: User;
  /** Of a token; undefined: all that the role may do. */
  readonly scopes?: readonly string[];
  readonly endsMs: number;
}

/** What a secret with this hash opens: its kind, if there is one. */
export function bearerOf(people: People, hash: string): 'login' | 'token' | undefined {
  if (people.login.has(hash)) return 'login';
  return people.token.has(hash) ? 'token' : undefined;
}

const ended = (what: string, cure: string): Refusal =>
  refuse('unauthenticated', { problem: `the ${what} has ended`, cure });

/** Looked up at every call: a login that was revoked, and one of a user who was suspended, opens nothing any more. O(1). */
export function standingOf(people: People, kind: 'login' | 'token', hash: string, nowMs: number): Standing | Refusal {
  const login: Login | undefined = kind === 'login' ? people.login.get(hash)?.record : undefined;
  const token: ApiToken | undefined = kind === 'token' ? people.token.get(hash)?.record : undefined;
  const cure = kind === 'login' ? 'pop44 login' : 'pop44 token create';
  const user = people.user.get((login ?? token)?.userId ?? '')?.record;
  if (user === undefined) return ended(kind, cure);
  const at = (time: Login['createdAt']): number => (time === undefined ? 0 : timestampMs(time));
  // A role that was raised meanwhile has shorter logins.
  const endsMs =
    login === undefined ? at(token?.expiresAt) : Math.min(at(login.expiresAt), at(login.createdAt) + lifeMs(user.role));
  if (endsMs <= nowMs) return ended(kind, cure);
  return notActive(user) ?? { user, endsMs, ...(token && { scopes: token.scopes }) };
}

/** Why an account opens nothing, whoever has its password. Refuses `forbidden`. */
export function notActive({ state, suspension, callsign }: User): Refusal | undefined {
  if (state === UserState.ACTIVE) return undefined;
  const problem = state === UserState.PENDING ? 'waits for an admin' : 'is suspended';
  const reason = suspension?.reason ?? '';
  return refuse('forbidden', { value: callsign, problem, cure: reason === '' ? 'ask an admin' : reason });
}
