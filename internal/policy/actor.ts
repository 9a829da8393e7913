// Actor: what a principal is to this network: its role, and what is its own.

import { isRefusal, type Refusal, refuse } from '#internal/errors/errors.ts';
import { UserRole } from '#internal/gen/pop44/store/v1/people_pb.ts';
import { PopKind } from '#internal/gen/pop44/store/v1/records_pb.ts';
import type { Snapshot } from '#internal/model/model.ts';
import { ownerOf, type People, standingOf } from '#internal/people/people.ts';
import { type Principal, principalName } from '#internal/rpc/rpc.ts';

export type Role =
  | 'anonymous'
  | 'user'
  | 'regional-admin'
  | 'auditor'
  | 'global-admin'
  | 'core-node'
  | 'regional-node'
  | 'micro-node';

export interface Actor {
  readonly role: Role;
  /** What it owns bears this; empty: it owns nothing. */
  readonly owner: string;
  /** Of a regional admin. */
  readonly popIds: readonly string[];
  /** Of a token; undefined: all that the role may do. */
  readonly scopes?: readonly string[];
  /** It has a certificate. */
  readonly certified: boolean;
}

const anonymous: Actor = { role: 'anonymous', owner: '', popIds: [], certified: false };
const roles: ReadonlyMap<UserRole, Role> = new Map([
  [UserRole.USER, 'user'],
  [UserRole.REGIONAL_ADMIN, 'regional-admin'],
  [UserRole.GLOBAL_ADMIN, 'global-admin'],
  [UserRole.AUDITOR, 'auditor'],
]);

/** Of whom a trusted daemon speaks for, as a user and no more: what else it may be stands where not every daemon reads. */
const spokenFor = (id: string): Actor => ({ role: 'user', owner: ownerOf(id), popIds: [], certified: false });

function userActor(people: People | undefined, principal: Principal, nowMs: number): Actor | Refusal {
  const { id, bearer } = principal;
  if (bearer === undefined) return spokenFor(id);
  // It is a daemon of a CORE that has made a principal of the bearer: it had the records then.
  if (people === undefined)
    return refuse('unavailable', { problem: 'accounts cannot be read here', cure: 'ask a CORE' });
  const standing = standingOf(people, bearer.kind, bearer.hash, nowMs);
  if (isRefusal(standing)) return standing;
  const { user, scopes } = standing;
  const role = roles.get(user.role) ?? 'user';
  return { role, owner: ownerOf(user.id), popIds: user.popIds, certified: false, ...(scopes && { scopes }) };
}

function nodeRole(fabric: Snapshot, id: string): Role | undefined {
  const pop = fabric.pops.get(fabric.nodes.get(id)?.record.popId ?? '')?.record;
  if (pop === undefined) return undefined;
  if (pop.kind === PopKind.CORE) return 'core-node';
  return pop.kind === PopKind.REGIONAL ? 'regional-node' : 'micro-node';
}

/** O(1). Refuses `unauthenticated`, `forbidden` (a user that is not let in, or no node of this network), `unavailable`. */
export function actorOf(
  fabric: Snapshot,
  people: People | undefined,
  principal: Principal,
  nowMs: number,
): Actor | Refusal {
  switch (principal.kind) {
    case 'admin':
      return { role: 'global-admin', owner: principalName(principal), popIds: [], certified: true };
    case 'user':
      return userActor(people, principal, nowMs);
    case 'node': {
      const role = nodeRole(fabric, principal.id);
      const about = {
        value: principalName(principal),
        problem: 'is no node of this network',
        cure: 'pop44 node create',
      };
      return role === undefined ? refuse('forbidden', about) : { role, owner: '', popIds: [], certified: true };
    }
    // A front speaks for whoever calls it; until they have logged in they are nobody.
    case 'web':
    case 'anonymous':
      return anonymous;
  }
}
