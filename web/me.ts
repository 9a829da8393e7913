// Me: whose login a visit has, asked of a daemon each time: a login that was revoked shows nothing any more.

import { refuse } from '#internal/errors/errors.ts';
import { UserRole } from '#internal/gen/pop44/store/v1/people_pb.ts';
import { Refused } from '#internal/rpc/rpc.ts';
import type { Me, Role, Visit } from './visit.ts';

const roles: ReadonlyMap<UserRole, Role> = new Map([
  [UserRole.REGIONAL_ADMIN, 'regional-admin'],
  [UserRole.AUDITOR, 'auditor'],
  [UserRole.GLOBAL_ADMIN, 'global-admin'],
]);

/** @throws Refused `unauthenticated` */
export async function meOf({ client, call }: Pick<Visit, 'client' | 'call'>): Promise<Me> {
  const { user } = await client.people.whoAmI({}, call);
  if (user === undefined)
    throw new Refused(refuse('unauthenticated', { problem: 'nobody has logged in', cure: 'log in' }));
  return { callsign: user.callsign, role: roles.get(user.role) ?? 'user', owner: user.owner };
}
