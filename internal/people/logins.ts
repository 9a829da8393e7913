// Logins: who is logged in, and the tokens of scripts.

import { create } from '@bufbuild/protobuf';
import { timestampFromDate, timestampFromMs, timestampMs } from '@bufbuild/protobuf/wkt';
import { type Refusal, refuse } from '#internal/errors/errors.ts';
import { type ApiToken, ApiTokenSchema, type Login, LoginSchema } from '#internal/gen/pop44/store/v1/people_pb.ts';
import type { Stored } from '#internal/model/record.ts';
import { type Decided, type PeopleContext, PersonDraft } from './draft.ts';
import type { People } from './snapshot.ts';
import { lifeMs, notActive } from './standing.ts';

/** Of one user, and all of them fit into one transaction; of logins the oldest goes. */
const mostLogins = 40;
const mostTokens = 40;
const dayMs = 86_400_000;
const mostDays = 366;
const usualDays = 90;

const scopes = ['read', 'tunnels', 'manage'] as const;
const isScope = (word: string): boolean => (scopes as readonly string[]).includes(word);

type Of<K extends 'login' | 'token'> = readonly (readonly [string, NonNullable<ReturnType<People[K]['get']>>])[];

/** The oldest first. O(all logins or tokens): asked when some are made or ended. */
export function heldBy<K extends 'login' | 'token'>(people: People, kind: K, userId: string): Of<K> {
  const atMs = ({ record: { createdAt } }: Stored<Login | ApiToken>): number =>
    createdAt === undefined ? 0 : timestampMs(createdAt);
  const all = [...people[kind]].filter(([, { record }]) => record.userId === userId);
  return all.sort(([a, x], [b, y]) => atMs(x) - atMs(y) || (a < b ? -1 : 1)) as unknown as Of<K>;
}

/** Has the draft end them all, but the one that stays. */
export function endLogins(people: People, draft: PersonDraft, userId: string, but = ''): void {
  for (const [hash] of heldBy(people, 'login', userId)) if (hash !== but) draft.remove('login', hash);
}

export function endTokens(people: People, draft: PersonDraft, userId: string): void {
  for (const [hash] of heldBy(people, 'token', userId)) draft.remove('token', hash);
}

export interface LogIn {
  readonly userId: string;
  /** Of the account's hash of a password: the one that was right. */
  readonly passwordHash: string;
  /** SHA-256 of its secret in hex. */
  readonly hash: string;
  readonly source: string;
  readonly label: string;
}

/**
 * Of a user whose password was right. Refuses `unauthenticated` (the account has gone, or the password is another by now),
 * `forbidden` (it waits or is suspended), `already-exists` (the secret).
 */
export function logIn(
  people: People,
  { userId, passwordHash, hash, source, label }: LogIn,
  context: PeopleContext,
): Refusal | Decided<{ readonly login: Login }> {
  const user = people.user.get(userId);
  if (user === undefined) return refuse('unauthenticated', { problem: 'has no account any more', cure: 'sign up' });
  if (user.record.passwordHash !== passwordHash)
    return refuse('unauthenticated', { field: 'password', problem: 'was changed meanwhile', cure: 'the new one' });
  const shut = notActive(user.record);
  if (shut !== undefined) return shut;
  if (people.login.has(hash) || people.token.has(hash)) return usedSecret;
  const draft = new PersonDraft();
  // Rewritten: a reset or a suspension that is decided at the same time does not know this login and could not end it, so that
  // of the two only one commits.
  draft.read('user', userId, user);
  draft.put('user', userId, user.record);
  draft.read('login', hash, undefined);
  const expiresAt = timestampFromMs(context.now.getTime() + lifeMs(user.record.role));
  const record = create(LoginSchema, {
    id: hash,
    userId,
    createdAt: timestampFromDate(context.now),
    expiresAt,
    source,
    label,
  });
  draft.put('login', hash, record, 'login');
  const held = heldBy(people, 'login', userId);
  for (const [oldest] of held.slice(0, Math.max(0, held.length - mostLogins + 1))) draft.remove('login', oldest);
  return { decision: draft.decision(), response: { login: record } };
}

const usedSecret = refuse('already-exists', {
  field: 'secret_hash',
  problem: 'is in use',
  cure: '32 new random bytes',
});

/** One that has gone already is as good. */
export function logOut(_people: People, hash: string): Decided<object> {
  const draft = new PersonDraft();
  draft.remove('login', hash);
  return { decision: draft.decision(), response: {} };
}

/** Those whose id begins so; of an empty one all. Refuses `not-found`. */
export function revokeLogins(
  people: People,
  userId: string,
  id: string,
): Refusal | Decided<{ readonly revoked: number }> {
  const draft = new PersonDraft();
  const some = heldBy(people, 'login', userId).filter(([hash]) => id === '' || (id.length >= 8 && hash.startsWith(id)));
  if (id !== '' && some.length === 0)
    return refuse('not-found', { field: 'id', value: id, problem: 'is no login', cure: 'as login list shows them' });
  for (const [hash] of some) draft.remove('login', hash);
  return { decision: draft.decision(), response: { revoked: some.length } };
}

export interface NewToken {
  readonly userId: string;
  readonly hash: string;
  readonly name: string;
  readonly scopes: readonly string[];
  readonly validDays: number;
}

/** Refuses `required`, `invalid`, `already-exists`, `quota-exceeded`, `unauthenticated`. */
export function createToken(people: People, wanted: NewToken, context: PeopleContext) {
  const { userId, hash, name, validDays } = wanted;
  const user = people.user.get(userId);
  if (user === undefined) return refuse('unauthenticated', { problem: 'has no account', cure: 'pop44 login' });
  const cure = '1 to 63 characters of a-z, 0-9 and -, no - at either end';
  if (name === '') return refuse('required', { field: 'name', problem: 'is missing', cure });
  if (!/^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/.test(name))
    return refuse('invalid', { field: 'name', value: name, problem: 'is not a name', cure });
  const words = `one or more of ${scopes.join(', ')}`;
  if (wanted.scopes.length === 0) return refuse('required', { field: 'scopes', problem: 'are missing', cure: words });
  const odd = wanted.scopes.find((word) => !isScope(word));
  if (odd !== undefined) return refuse('invalid', { field: 'scopes', value: odd, problem: 'is no scope', cure: words });
  if (validDays > mostDays) {
    const value = String(validDays);
    return refuse('invalid', {
      field: 'valid_days',
      value,
      problem: 'is too long',
      cure: `1 to ${mostDays}; 0: ${usualDays}`,
    });
  }
  if (people.login.has(hash) || people.token.has(hash)) return usedSecret;
  const held = heldBy(people, 'token', userId);
  if (held.some(([, { record }]) => record.name === name))
    return refuse('already-exists', {
      field: 'name',
      value: name,
      problem: 'is the name of another token',
      cure: 'another',
    });
  if (held.length >= mostTokens)
    return refuse('quota-exceeded', { field: 'name', problem: `there are ${held.length} tokens`, cure: 'revoke one' });
  const draft = new PersonDraft();
  // Rewritten: of two that take the last name or place only one commits.
  draft.read('user', userId, user);
  draft.put('user', userId, user.record);
  draft.read('token', hash, undefined);
  const expiresAt = timestampFromMs(context.now.getTime() + (validDays || usualDays) * dayMs);
  const createdAt = timestampFromDate(context.now);
  const record = create(ApiTokenSchema, {
    id: hash,
    userId,
    name,
    scopes: [...new Set(wanted.scopes)].sort(),
    createdAt,
    expiresAt,
  });
  draft.put('token', hash, record);
  return { decision: draft.decision(), response: { token: record } };
}

/** By name, or by the first digits of its id. Refuses `required`, `not-found`. */
export function revokeToken(people: People, userId: string, token: string): Refusal | Decided<object> {
  const cure = 'its name, as token list shows it';
  if (token === '') return refuse('required', { field: 'token', problem: 'is missing', cure });
  const found = heldBy(people, 'token', userId).find(
    ([hash, { record }]) => record.name === token || (token.length >= 8 && hash.startsWith(token)),
  );
  if (found === undefined) return refuse('not-found', { field: 'token', value: token, problem: 'is no token', cure });
  const draft = new PersonDraft();
  draft.remove('token', found[0]);
  return { decision: draft.decision(), response: {} };
}
