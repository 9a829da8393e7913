// Mails: the queue of what is to be sent. One daemon at a time sends a mail: it says so under a lease, which ends with it.

import { clone, create } from '@bufbuild/protobuf';
import { timestampFromDate, timestampFromMs } from '@bufbuild/protobuf/wkt';
import { type Refusal, refuse } from '#internal/errors/errors.ts';
import { type Mail, MailSchema, MailTemplate, SendingSchema } from '#internal/gen/pop44/store/v1/people_pb.ts';
import type { Decision } from '#internal/model/record.ts';
import { type PeopleContext, PersonDraft } from './draft.ts';
import type { People } from './snapshot.ts';

/** Beyond this nobody can add to the queue: the mail server is away, or somebody floods. */
const mostMails = 10_000;

/** The queue takes no more. */
export function fullQueue(people: People): Refusal | undefined {
  if (people.mail.size < mostMails) return undefined;
  return refuse('busy', { problem: `${people.mail.size} mails wait to be sent`, cure: 'retry in 600 s' });
}

export function addMail(draft: PersonDraft, fields: Partial<Omit<Mail, '$typeName'>>, context: PeopleContext): void {
  const id = context.newId();
  const now = timestampFromDate(context.now);
  const common = { id, language: 'en', createdAt: now, nextTryAt: now, template: MailTemplate.NOTHING };
  draft.put('mail', id, create(MailSchema, { ...common, ...fields }));
}

/** Undefined: it is not there any more, or another daemon has it. */
export function claimMail(people: People, id: string, nodeId: string): Decision | undefined {
  const stored = people.mail.get(id);
  if (stored === undefined || people.sending.has(id)) return undefined;
  const draft = new PersonDraft();
  draft.read('mail', id, stored);
  draft.read('sending', id, undefined);
  draft.put('sending', id, create(SendingSchema, { nodeId }), 'sending');
  return draft.decision();
}

/** It was sent, or never will be. */
export function mailGone(people: People, id: string): Decision {
  const draft = new PersonDraft();
  draft.read('mail', id, people.mail.get(id));
  draft.remove('mail', id);
  draft.remove('sending', id);
  return draft.decision();
}

/** It could not be sent: once more at that time. `problem`: one line, without what the mail says. */
export function mailAgain(people: People, id: string, atMs: number, problem: string): Decision | undefined {
  const stored = people.mail.get(id);
  if (stored === undefined) return undefined;
  const record = clone(MailSchema, stored.record);
  Object.assign(record, { tries: record.tries + 1, nextTryAt: timestampFromMs(atMs), lastProblem: problem });
  const draft = new PersonDraft();
  draft.read('mail', id, stored);
  draft.put('mail', id, record);
  draft.remove('sending', id);
  return draft.decision();
}
