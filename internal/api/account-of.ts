// Account of: the user that a request means, and whom the network lets in.

import { refuse } from '#internal/errors/errors.ts';
import type { User } from '#internal/gen/pop44/store/v1/people_pb.ts';
import { SignUpPolicy } from '#internal/gen/pop44/store/v1/records_pb.ts';
import type { Stored } from '#internal/model/record.ts';
import { findUser, type People } from '#internal/people/people.ts';
import { type Principal, Refused } from '#internal/rpc/rpc.ts';
import { orRefused } from './changing-people.ts';
import type { ServiceContext } from './service.ts';

export const signUpPolicy = ({ head }: ServiceContext): SignUpPolicy =>
  head.snapshot().network?.record.signUp ?? SignUpPolicy.UNSPECIFIED;

/** Whose login it was called with. Refuses `unauthenticated`: with a certificate one is no user. */
export function selfOf(people: People, { bearer, id }: Principal): Stored<User> {
  const user = bearer === undefined ? undefined : people.user.get(id);
  if (user !== undefined) return user;
  throw new Refused(refuse('unauthenticated', { problem: 'a certificate has no account', cure: 'pop44 login' }));
}

/** The user that a request names, or who calls. */
export function namedOrSelf(people: People, ref: string, principal: Principal): Stored<User> {
  return ref === '' ? selfOf(people, principal) : orRefused(findUser(people, ref));
}
