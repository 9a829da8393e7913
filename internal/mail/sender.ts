// Sender: takes mails out of the queue, one daemon at a time each. What a crash leaves is sent again: a mail may come twice,
// its links are two then, and each works once.

import { hash, randomBytes } from 'node:crypto';
import { create } from '@bufbuild/protobuf';
import { timestampFromDate, timestampMs } from '@bufbuild/protobuf/wkt';
import type { Clock } from '#internal/clock/clock.ts';
import { Fault, messageOf } from '#internal/errors/errors.ts';
import { type Mail, MailTemplate } from '#internal/gen/pop44/store/v1/people_pb.ts';
import { type Operation, OperationSchema } from '#internal/gen/pop44/store/v1/records_pb.ts';
import type { Snapshot } from '#internal/model/model.ts';
import type { Decision } from '#internal/model/record.ts';
import { claimMail, mailAgain, mailGone, makeLink, type PeopleHead } from '#internal/people/people.ts';
import { compose } from './compose.ts';
import type { Transport } from './transport.ts';

export interface SenderParts {
  readonly nodeId: string;
  readonly clock: Clock;
  readonly people: Pick<PeopleHead, 'snapshot' | 'reached'>;
  readonly fabric: () => Snapshot;
  readonly transport: Transport;
  readonly newId: () => string;
  commit(decision: Decision, operation: Operation): Promise<{ readonly outcome: string; readonly revision: bigint }>;
  /** `sent`, `refused`, `later`, `given-up`; without whom or what. */
  report(event: string, fields: { readonly mail: string; readonly tries: number; readonly reason: string }): void;
}

/** Milliseconds between looks when nothing changes. */
const lookMs = 1_000;
/** Daemons that look at the same moment meet at the claim; most of them are spared that. */
const jitterMs = 40;
const atOnce = 4;
const firstRetryMs = 30_000;
const longestRetryMs = 3_600_000;
/** Of who has signed up or forgotten a password nobody waits longer. */
const giveUpMs = 24 * 3_600_000;

/** Looks again and again; ends by its signal. @returns the way to have it look at once */
export function runSender(parts: SenderParts, signal: AbortSignal): { look(): void; readonly ended: Promise<void> } {
  const { clock, people } = parts;
  const busy = new Set<string>();
  let nudge: () => void = () => {};

  function due(): readonly Mail[] {
    const known = people.snapshot();
    if (known === undefined) return [];
    const now = clock.wall().getTime();
    const ready = [...known.mail.values()].filter(
      ({ record: { id, nextTryAt } }) =>
        !busy.has(id) && !known.sending.has(id) && nextTryAt !== undefined && timestampMs(nextTryAt) <= now,
    );
    return ready.map(({ record }) => record).slice(0, atOnce - busy.size);
  }

  async function run(): Promise<void> {
    while (!signal.aborted) {
      for (const mail of due()) {
        busy.add(mail.id);
        void one(parts, mail, signal).finally(() => {
          busy.delete(mail.id);
          nudge();
        });
      }
      const nudged = new AbortController();
      nudge = () => nudged.abort(new Error('something has changed'));
      await clock.sleep(lookMs, AbortSignal.any([signal, nudged.signal])).catch(() => undefined);
    }
  }

  return { look: () => nudge(), ended: run() };
}

async function one(parts: SenderParts, mail: Mail, signal: AbortSignal): Promise<void> {
  const { clock, people, report, transport } = parts;
  const { id, tries } = mail;
  const told = (event: string, reason = ''): void => report(event, { mail: id, tries, reason });
  try {
    await clock.sleep(Math.random() * jitterMs, signal);
    if (mail.template === MailTemplate.NOTHING) {
      await gone(parts, id);
      return;
    }
    const known = people.snapshot();
    const claim = known && claimMail(known, id, parts.nodeId);
    if (claim === undefined || !(await committed(parts, claim, signal))) return;
    const secret = await linked(parts, id, signal);
    if (secret === undefined) return;
    const composed = compose(mail, aroundOf(parts, mail, secret));
    try {
      if (composed !== undefined) await transport.send(composed);
      told('sent');
    } catch (thrown) {
      const reason = messageOf(thrown);
      const old = mail.createdAt === undefined || clock.wall().getTime() - timestampMs(mail.createdAt) > giveUpMs;
      if (!(thrown instanceof Fault && thrown.code === 'mail-refused') && !old) {
        told('later', reason);
        const wait = Math.min(longestRetryMs, firstRetryMs * 2 ** tries);
        const now = people.snapshot();
        const again = now && mailAgain(now, id, clock.wall().getTime() + wait, reason);
        if (again !== undefined) await committed(parts, again, signal);
        return;
      }
      told(old ? 'given-up' : 'refused', reason);
    }
    await gone(parts, id);
  } catch (thrown) {
    // The store is away, or we end: the lease of the claim ends too, and somebody sends it.
    if (!signal.aborted) told('later', messageOf(thrown));
  }
}

function aroundOf({ fabric, people }: SenderParts, { userId }: Mail, secret: string) {
  const network = fabric().network?.record;
  const callsign = people.snapshot()?.user.get(userId)?.record.callsign ?? '';
  return { networkName: network?.name ?? 'pop44', publicUrl: network?.publicUrl ?? '', callsign, secret };
}

/** The secret of the link, whose hash stands in the store by then; empty: the mail has no link. Undefined: lost it. */
async function linked(parts: SenderParts, id: string, signal: AbortSignal): Promise<string | undefined> {
  const known = parts.people.snapshot();
  if (known === undefined || known.sending.get(id)?.record.nodeId !== parts.nodeId) return undefined;
  const secret = randomBytes(32);
  const link = makeLink(known, id, hash('sha256', secret, 'hex'), parts.clock.wall());
  if (link === undefined) return '';
  return (await committed(parts, link, signal)) ? secret.toString('base64url') : undefined;
}

async function gone(parts: SenderParts, id: string): Promise<void> {
  const known = parts.people.snapshot();
  if (known?.mail.has(id) === true) await parts.commit(mailGone(known, id), operationOf(parts));
}

const operationOf = ({ nodeId, newId, clock }: SenderParts): Operation =>
  create(OperationSchema, {
    ...{ requestId: newId(), principal: `node/${nodeId}`, method: '/pop44.v1.Mail', nodeId },
    at: timestampFromDate(clock.wall()),
  });

/** False: another daemon was first. */
async function committed(parts: SenderParts, decision: Decision, signal: AbortSignal): Promise<boolean> {
  const { outcome, revision } = await parts.commit(decision, operationOf(parts));
  if (outcome !== 'committed') return false;
  await parts.people.reached(revision, signal);
  return true;
}
