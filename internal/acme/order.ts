// Order: from names to a certificate for them (RFC 8555 7.1.6): order, authorizations, key and request, chain.

import { createPrivateKey, X509Certificate } from 'node:crypto';
import type { Clock } from '#internal/clock/clock.ts';
import { Fault } from '#internal/errors/errors.ts';
import { certificatesOf, createServerRequest } from '#internal/identity/identity.ts';
import { Problem, problemOf } from './problem.ts';
import { type Answer, type Fields, fieldsOf, type Session } from './session.ts';

export interface Pair {
  /** PEM: the certificate, then the CAs below the root. */
  readonly certificate: string;
  /** PEM, PKCS #8. */
  readonly key: string;
}

export interface Wish {
  readonly names: readonly string[];
  /** Id of the certificate that this one is for (RFC 9773 5); undefined: none. */
  readonly replaces: string | undefined;
}

export interface OrderAround {
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** Let's Encrypt takes seconds; of a server that is busy so much is waited for, then begun anew later. */
const longestMs = 5 * 60_000;
const usualPollMs = 1_000;
const longestPollMs = 30_000;

/** Asks again until it is so. @throws Fault `acme` when it takes too long */
async function polled(
  ask: () => Promise<Answer>,
  isDone: (fields: Fields) => boolean,
  { clock, signal, endMs, about }: OrderAround & { readonly endMs: number; readonly about: string },
): Promise<Fields> {
  for (;;) {
    const answer = await ask();
    const { fields } = answer;
    if (isDone(fields)) return fields;
    const waitMs = Math.min(longestPollMs, Math.max(usualPollMs, answer.retryAfterMs ?? 0));
    if (clock.monotonicMs() + waitMs > endMs)
      throw new Fault('acme', `${about}: is ${fields.text('status')} for too long`);
    await clock.sleep(waitMs, signal);
  }
}

/** What the challenge says that failed; the one that we asked for, since others stay pending. */
function failureOf(name: string, authorization: Fields): Problem {
  const failed = authorization
    .list('challenges')
    .map((each) => fieldsOf(name, each))
    .find((each) => each.value('error') !== undefined);
  return problemOf(`${name} was not validated`, failed?.value('error'));
}

async function validate(
  session: Session,
  url: string,
  around: OrderAround & { readonly endMs: number },
): Promise<void> {
  const ask = (): Promise<Answer> => session.post(url);
  const { fields: authorization } = await ask();
  const name = fieldsOf('an authorization', authorization.value('identifier')).text('value');
  if (authorization.text('status') === 'valid') return;
  const challenge = authorization
    .list('challenges')
    .map((each) => fieldsOf(name, each))
    .find((each) => each.optionalText('type') === 'http-01');
  if (challenge === undefined) throw new Fault('acme', `${name}: the server offers no challenge by HTTP (http-01)`);
  await session.post(challenge.text('url'), {});
  const settled = await polled(ask, (fields) => !['pending', 'processing'].includes(fields.text('status')), {
    ...around,
    about: `the authorization of ${name}`,
  });
  if (settled.text('status') !== 'valid') throw failureOf(name, settled);
}

async function newOrder(session: Session, { names, replaces }: Wish): Promise<Answer> {
  const url = session.resource('newOrder') ?? '';
  const order = { identifiers: names.map((value) => ({ type: 'dns', value })) };
  // Only who has renewal information knows the word.
  if (replaces === undefined || session.resource('renewalInfo') === undefined) return session.post(url, order);
  try {
    return await session.post(url, { ...order, replaces });
  } catch (thrown) {
    // Another account's, one that was replaced before, one that a server has forgotten: none of it is worth an end.
    if (!(thrown instanceof Problem) || thrown.type === 'rateLimited') throw thrown;
    return session.post(url, order);
  }
}

/**
 * Orders one, has its names validated and fetches it. Whoever listens at port 80 of the names must answer challenges
 * (`challengeAnswer`) meanwhile.
 * @throws Fault `acme`, Problem
 */
export async function obtain(session: Session, wish: Wish, around: OrderAround): Promise<Pair> {
  await session.logIn();
  const timed = { ...around, endMs: around.clock.monotonicMs() + longestMs };
  const made = await newOrder(session, wish);
  const orderUrl = made.location;
  if (orderUrl === undefined) throw new Fault('acme', 'the server names no order');
  for (const url of made.fields.list('authorizations')) await validate(session, String(url), timed);
  const order = (): Promise<Answer> => session.post(orderUrl);
  const settledAs = async (...pending: readonly string[]): Promise<Fields> => {
    const fields = await polled(order, (each) => !pending.includes(each.text('status')), {
      ...timed,
      about: 'the order',
    });
    if (fields.text('status') === 'invalid') throw problemOf('the order failed', fields.value('error'));
    return fields;
  };
  const ready = await settledAs('pending');
  const { der, privateKeyPem } = await createServerRequest(wish.names);
  await session.post(ready.text('finalize'), { csr: der.toString('base64url') });
  const done = await settledAs('ready', 'processing');
  const chain = await session.post(done.text('certificate'), undefined, 'application/pem-certificate-chain');
  const pair = { certificate: chain.text, key: privateKeyPem };
  const problem = problemOfIssued(pair, wish.names, around.clock.wall());
  if (problem !== undefined) throw new Fault('acme', `the certificate that was issued ${problem}`);
  return pair;
}

/** Why nobody can listen with it; undefined: one can. */
export function problemOfPair({ certificate, key }: Pair): string | undefined {
  try {
    const [leaf] = certificatesOf(certificate);
    return leaf?.checkPrivateKey(createPrivateKey(key)) === true ? undefined : 'is not one of its key';
  } catch {
    return 'is no certificate in PEM with its key';
  }
}

/** A name that it is not for; undefined: it is for all of them. */
export const missingName = (leaf: X509Certificate, names: readonly string[]): string | undefined =>
  names.find((name) => leaf.checkHost(name) === undefined);

function problemOfIssued(pair: Pair, names: readonly string[], now: Date): string | undefined {
  const problem = problemOfPair(pair);
  if (problem !== undefined) return problem;
  const leaf = new X509Certificate(pair.certificate);
  const missing = missingName(leaf, names);
  if (missing !== undefined) return `is not for ${missing}`;
  return leaf.validToDate <= now ? `ended at ${leaf.validToDate.toISOString()}` : undefined;
}
