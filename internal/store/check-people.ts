// Check people: what records about people may say. The values go on into mails, terminals and pages.

import {
  LinkPurpose,
  type Login,
  MailTemplate,
  type SignUp,
  UserRole,
  UserState,
} from '#internal/gen/pop44/store/v1/people_pb.ts';
import type { PersonKind, PersonRecords } from '#internal/model/model.ts';
import { foldedEmail, isCallsign, isEmail } from '#internal/people/people.ts';
import { id, ids, type Problem, text, time, timeThere, when } from './check-fields.ts';

const userId = (field: string, value: string): Problem =>
  when(!/^[0-9a-f]{12}$/.test(value), `${field} is not the id of a user`);
const hashId = (value: string): Problem => when(!/^[0-9a-f]{64}$/.test(value), 'id is not a hash of 32 bytes');
const email = (field: string, value: string): Problem => when(!isEmail(value), `${field} is not an address`);
const callsign = (field: string, value: string): Problem => when(!isCallsign(value), `${field} is not a callsign`);
/** PHC; of another cost than ours too: it is the hash that says how it is verified. Within what a daemon can pay. */
const passwordHash = (field: string, value: string): Problem =>
  when(
    !/^\$argon2id\$v=19\$m=[1-9][0-9]{3,5},t=[1-9],p=[1-4]\$[A-Za-z0-9+/]{11,86}\$[A-Za-z0-9+/]{22,86}$/.test(value),
    `${field} is not a hash of argon2id`,
  );

const known = <T extends number>(values: Readonly<Record<string, T>>): ReadonlySet<number> => {
  const all = new Set<number>(Object.values(values));
  all.delete(0);
  return all;
};
const states = known(UserState);
const roles = known(UserRole);
const purposes = known(LinkPurpose);
const templates = known(MailTemplate);

const signUp = (record: SignUp | undefined): Problem =>
  record === undefined
    ? 'sign_up is missing'
    : (callsign('sign_up.callsign', record.callsign) ??
      email('sign_up.email', record.email) ??
      (record.passwordHash === '' ? undefined : passwordHash('sign_up.password_hash', record.passwordHash)));

const timed = (record: Pick<Login, 'createdAt' | 'expiresAt'>): Problem =>
  timeThere('created_at', record.createdAt) ?? timeThere('expires_at', record.expiresAt);

const notItsKey = (wrong: boolean): Problem => when(wrong, 'id is not the one of the key');

const checks: { readonly [K in PersonKind]: (record: PersonRecords[K], itsId: string) => Problem } = {
  user: (record, itsId) =>
    notItsKey(record.id !== itsId) ??
    userId('id', itsId) ??
    callsign('callsign', record.callsign) ??
    email('email', record.email) ??
    passwordHash('password_hash', record.passwordHash) ??
    when(!states.has(record.state), 'state is unknown') ??
    when(!roles.has(record.role), 'role is unknown') ??
    ids('pop_ids', record.popIds) ??
    text('suspension.reason', record.suspension?.reason ?? '') ??
    text('suspension.by', record.suspension?.by ?? '') ??
    time('suspension.at', record.suspension?.at) ??
    time('created_at', record.createdAt) ??
    time('password_changed_at', record.passwordChangedAt) ??
    time('approved_at', record.approvedAt) ??
    text('approved_by', record.approvedBy),
  callsign: (record, itsId) => callsign('id', itsId) ?? userId('user_id', record.userId),
  email: (record, itsId) =>
    email('id', itsId) ??
    when(foldedEmail(itsId) !== itsId, 'id is not in its one spelling') ??
    userId('user_id', record.userId),
  link: (record, itsId) =>
    notItsKey(record.id !== itsId) ??
    hashId(itsId) ??
    when(!purposes.has(record.purpose), 'purpose is unknown') ??
    (record.purpose === LinkPurpose.VERIFY ? signUp(record.signUp) : userId('user_id', record.userId)) ??
    timeThere('expires_at', record.expiresAt) ??
    time('password_changed_at', record.passwordChangedAt),
  login: (record, itsId) =>
    notItsKey(record.id !== itsId) ??
    hashId(itsId) ??
    userId('user_id', record.userId) ??
    timed(record) ??
    text('source', record.source) ??
    text('label', record.label),
  token: (record, itsId) =>
    notItsKey(record.id !== itsId) ??
    hashId(itsId) ??
    userId('user_id', record.userId) ??
    timed(record) ??
    when(!/^[a-z0-9-]{1,63}$/.test(record.name), 'name is none') ??
    when(record.scopes.length === 0 || !record.scopes.every((word) => /^[a-z]{1,16}$/.test(word)), 'scopes are none'),
  mail: (record, itsId) =>
    notItsKey(record.id !== itsId) ??
    when(!/^[0-9a-f]{32}$/.test(itsId), 'id is not 32 hexadecimal digits') ??
    when(!templates.has(record.template), 'template is unknown') ??
    (record.template === MailTemplate.NOTHING ? undefined : email('to', record.to)) ??
    when(!/^[a-z]{2}$/.test(record.language), 'language is none') ??
    (record.userId === '' ? undefined : userId('user_id', record.userId)) ??
    (record.signUp === undefined ? undefined : signUp(record.signUp)) ??
    timeThere('created_at', record.createdAt) ??
    timeThere('next_try_at', record.nextTryAt) ??
    text('last_problem', record.lastProblem),
  sending: (record) => id('node_id', record.nodeId),
  bootstrap: (record) => userId('user_id', record.userId) ?? timeThere('at', record.at) ?? text('by', record.by),
};

/** Undefined: the record says what its kind can say. */
export function personProblem<K extends PersonKind>(kind: K, record: PersonRecords[K], itsId: string): Problem {
  return checks[kind](record, itsId);
}
