// Users: what admins do with accounts.

import { clone, create } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { isRefusal, type Refusal, refuse } from '#internal/errors/errors.ts';
import {
  BootstrapSchema,
  MailTemplate,
  type SignUp,
  type User,
  UserRole,
  UserSchema,
  UserState,
} from '#internal/gen/pop44/store/v1/people_pb.ts';
import { PopKind, SuspensionSchema } from '#internal/gen/pop44/store/v1/records_pb.ts';
import type { Snapshot } from '#internal/model/model.ts';
import type { Stored } from '#internal/model/record.ts';
import { type Decided, type PeopleContext, PersonDraft } from './draft.ts';
import { endLogins, heldBy } from './logins.ts';
import { addMail } from './mails.ts';
import { foldedEmail } from './names.ts';
import { addUser } from './sign-up.ts';
import type { People } from './snapshot.ts';
import { ownerOf } from './standing.ts';
import { findUser } from './view.ts';

export interface OfUser {
  readonly user: string;
  readonly etag: string;
}
type Outcome = Refusal | Decided<{ readonly userId: string }>;

function toChange(people: People, { user: ref, etag }: OfUser): Refusal | Stored<User> {
  const stored = findUser(people, ref);
  if (isRefusal(stored)) return stored;
  if (etag === '' || etag === String(stored.revision)) return stored;
  const cure = `read it again: it is ${stored.revision} now`;
  return refuse('stale-etag', { field: 'change.etag', value: etag, problem: 'is not the etag any more', cure });
}

function rewriting(stored: Stored<User>, record: User, more: (draft: PersonDraft) => void = () => {}): Outcome {
  const draft = new PersonDraft();
  draft.read('user', record.id, stored);
  draft.put('user', record.id, record);
  more(draft);
  return { decision: draft.decision(), response: { userId: record.id } };
}

const notState = (record: User, problem: string, cure: string): Refusal =>
  refuse('conflict', { field: 'user', value: record.callsign, problem, cure });

/** Refuses `not-found`, `stale-etag`, `conflict`. */
export function approveUser(people: People, of: OfUser, context: PeopleContext): Outcome {
  const stored = toChange(people, of);
  if (isRefusal(stored)) return stored;
  if (stored.record.state !== UserState.PENDING) return notState(stored.record, 'does not wait for an admin', 'none');
  const record = clone(UserSchema, stored.record);
  const approved = { approvedAt: timestampFromDate(context.now), approvedBy: context.principal };
  Object.assign(record, approved, { state: UserState.ACTIVE });
  return rewriting(stored, record, (draft) =>
    addMail(draft, { template: MailTemplate.APPROVED, to: record.email, userId: record.id }, context),
  );
}

/** Its logins end. Refuses `not-found`, `stale-etag`. */
export function suspendUser(people: People, of: OfUser & { readonly reason: string }, context: PeopleContext): Outcome {
  const stored = toChange(people, of);
  if (isRefusal(stored)) return stored;
  const record = clone(UserSchema, stored.record);
  const { principal: by, now } = context;
  record.state = UserState.SUSPENDED;
  record.suspension = create(SuspensionSchema, { reason: of.reason, at: timestampFromDate(now), by });
  return rewriting(stored, record, (draft) => endLogins(people, draft, record.id));
}

/** Also of one that was never approved. Refuses `not-found`, `stale-etag`, `conflict`. */
export function reinstateUser(people: People, of: OfUser, _context: PeopleContext): Outcome {
  const stored = toChange(people, of);
  if (isRefusal(stored)) return stored;
  if (stored.record.state !== UserState.SUSPENDED) return notState(stored.record, 'is not suspended', 'none');
  const record = clone(UserSchema, stored.record);
  record.state = record.approvedAt === undefined ? UserState.PENDING : UserState.ACTIVE;
  delete record.suspension;
  return rewriting(stored, record);
}

/** What of the fabric it owns, a line each. O(tunnels + allocations). */
function holdings({ tunnels, allocations, reservations }: Snapshot, owner: string): readonly string[] {
  const of = ({ record }: { readonly record: { readonly owner: string } }): boolean => record.owner === owner;
  return [
    ...[...tunnels.values()].filter(of).map(({ record }) => `tunnel ${record.name} (${record.id})`),
    ...[...allocations.values()]
      .filter((each) => of(each) && each.record.tunnelId === '' && each.record.quarantinedUntil === undefined)
      .map(({ record }) => `address ${record.prefix}`),
    ...[...reservations.values()].filter(of).map(({ record }) => `reservation ${record.prefix}`),
  ].sort();
}

/** Refuses `not-found`, `stale-etag`, `in-use`. */
export function deleteUser(people: People, fabric: Snapshot, of: OfUser): Outcome {
  const stored = toChange(people, of);
  if (isRefusal(stored)) return stored;
  const { id, callsign, email } = stored.record;
  const obstacles = holdings(fabric, ownerOf(id));
  if (obstacles.length > 0) {
    const problem = `owns ${obstacles.length} tunnels or addresses`;
    return refuse('in-use', {
      field: 'user',
      value: callsign,
      problem,
      cure: 'delete and release them first',
      obstacles,
    });
  }
  const draft = new PersonDraft();
  draft.read('user', id, stored);
  draft.remove('user', id);
  for (const [kind, key] of [
    ['callsign', callsign],
    ['email', foldedEmail(email)],
  ] as const) {
    const claim = people[kind].get(key);
    if (claim?.record.userId !== id) continue;
    draft.read(kind, key, claim);
    draft.remove(kind, key);
  }
  for (const kind of ['login', 'token'] as const)
    for (const [hash] of heldBy(people, kind, id)) draft.remove(kind, hash);
  return { decision: draft.decision(), response: { userId: id } };
}

const roles: ReadonlySet<UserRole> = new Set([
  UserRole.USER,
  UserRole.REGIONAL_ADMIN,
  UserRole.GLOBAL_ADMIN,
  UserRole.AUDITOR,
]);

/** Refuses `not-found`, `stale-etag`, `required`, `invalid`. */
export function setUserRole(
  people: People,
  fabric: Snapshot,
  of: OfUser & { readonly role: UserRole; readonly popIds: readonly string[] },
): Outcome {
  const stored = toChange(people, of);
  if (isRefusal(stored)) return stored;
  const { role } = of;
  const popIds = [...new Set(of.popIds)].sort();
  if (!roles.has(role))
    return refuse('required', {
      field: 'role',
      problem: 'is missing',
      cure: 'user, regional-admin, global-admin or auditor',
    });
  if (role === UserRole.REGIONAL_ADMIN && popIds.length === 0)
    return refuse('required', { field: 'pop_ids', problem: 'are missing', cure: 'the PoPs of a regional admin' });
  if (role !== UserRole.REGIONAL_ADMIN && popIds.length > 0)
    return refuse('invalid', {
      field: 'pop_ids',
      value: popIds[0] ?? '',
      problem: 'is for a regional admin alone',
      cure: 'none',
    });
  const unknown = popIds.find((popId) => !fabric.pops.has(popId));
  if (unknown !== undefined)
    return refuse('not-found', {
      field: 'pop_ids',
      value: unknown,
      problem: 'is no PoP of this network',
      cure: 'as pop list shows them',
    });
  const core = popIds.find((popId) => fabric.pops.get(popId)?.record.kind === PopKind.CORE);
  if (core !== undefined)
    return refuse('invalid', {
      field: 'pop_ids',
      value: core,
      problem: 'is a CORE, and who lets its nodes in reads all accounts and writes every record',
      cure: 'REGIONAL PoPs, or the role global-admin',
    });
  return rewriting(stored, Object.assign(clone(UserSchema, stored.record), { role, popIds }));
}

/** The first global admin, once in the life of a network. Refuses `used`, `already-exists`. */
export function bootstrap(people: People, wanted: SignUp, context: PeopleContext): Outcome {
  const before = people.bootstrap.get('first')?.record;
  if (before !== undefined) {
    const cure = 'pop44 user role USER global-admin, with an admin certificate';
    return refuse('used', { problem: `the first admin was made by ${before.by}`, cure });
  }
  const draft = new PersonDraft();
  const made = { wanted, state: UserState.ACTIVE, role: UserRole.GLOBAL_ADMIN, approvedBy: context.principal };
  const userId = addUser(people, draft, made, context);
  if (typeof userId !== 'string') return userId;
  draft.read('bootstrap', 'first', undefined);
  const at = timestampFromDate(context.now);
  draft.put('bootstrap', 'first', create(BootstrapSchema, { userId, at, by: context.principal }));
  return { decision: draft.decision(), response: { userId } };
}
