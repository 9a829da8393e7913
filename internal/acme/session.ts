// Session: an account at one ACME server, for as long as one order takes: directory, nonces, signed requests.

import type { Clock } from '#internal/clock/clock.ts';
import { Fault } from '#internal/errors/errors.ts';
import { type AccountKey, signedRequest } from './account-key.ts';
import { type Problem, problemOf, retryAfterMs } from './problem.ts';
import { openTransport, type Received, type Sent } from './transport.ts';

export interface Authority {
  /** URL of its directory. */
  readonly server: string;
  /** PEM of CAs that sign for that server, besides the public ones. */
  readonly extraCa: string | undefined;
  /** For its mails; undefined: none. */
  readonly contact: string | undefined;
}

/** An answer that is no problem. */
export interface Answer {
  /** URL of what was made; undefined: nothing was. */
  readonly location: string | undefined;
  readonly retryAfterMs: number | undefined;
  readonly text: string;
  /** Its JSON. */
  readonly fields: Fields;
}

export interface Fields {
  /** @throws Fault `acme` where it is missing or no text */
  text(name: string): string;
  /** Undefined where it is missing or no text. */
  optionalText(name: string): string | undefined;
  /** Empty where it is missing or no list. */
  list(name: string): readonly unknown[];
  value(name: string): unknown;
}

export interface Session extends Disposable {
  /** URL of a resource in the directory; undefined: this server has none. */
  resource(name: string): string | undefined;
  get(url: string): Promise<Answer>;
  /** Signed by the account. @param payload undefined: a question */
  post(url: string, payload?: object, accept?: string): Promise<Answer>;
  /** Makes the account, or finds it: before the first `post`. Agrees to the server's terms of service. */
  logIn(): Promise<void>;
}

/** RFC 8555 6.5: any number may be refused; Pebble refuses one in 20 to see what happens. */
const mostNonces = 6;

export function fieldsOf(about: string, document: unknown): Fields {
  const own = (typeof document === 'object' && document !== null ? document : {}) as Readonly<Record<string, unknown>>;
  const optionalText = (name: string): string | undefined => {
    const value = own[name];
    return typeof value === 'string' ? value : undefined;
  };
  return {
    value: (name) => own[name],
    list(name) {
      const value = own[name];
      return Array.isArray(value) ? (value as readonly unknown[]) : [];
    },
    optionalText,
    text(name) {
      const value = optionalText(name);
      if (value === undefined) throw new Fault('acme', `${about}: its answer has no ${name}`);
      return value;
    },
  };
}

export interface SessionParts {
  readonly authority: Authority;
  readonly key: AccountKey;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** @throws Fault `acme` */
export async function openSession({ authority, key, clock, signal }: SessionParts): Promise<Session> {
  const transport = openTransport(authority.extraCa, signal);
  let account: string | undefined;
  let nonce: string | undefined;
  const { host } = new URL(authority.server);

  async function send(url: string, sent: Sent): Promise<Received> {
    const received = await transport.send(url, sent);
    const fresh = received.headers['replay-nonce'];
    if (typeof fresh === 'string') nonce = fresh;
    return received;
  }
  const parsed = (text: string): unknown => {
    try {
      return JSON.parse(text);
    } catch {
      return undefined;
    }
  };
  const isGood = ({ status }: Received): boolean => status >= 200 && status < 300;
  function problemIn(received: Received): Problem {
    const document = parsed(received.text) ?? { detail: `answers with HTTP ${received.status}` };
    return problemOf(host, document, retryAfterMs(received, clock.wall()));
  }
  function answerOf(received: Received): Answer {
    if (!isGood(received)) throw problemIn(received);
    const { location } = received.headers;
    return {
      location: typeof location === 'string' ? location : undefined,
      retryAfterMs: retryAfterMs(received, clock.wall()),
      text: received.text,
      get fields() {
        return fieldsOf(host, parsed(received.text));
      },
    };
  }
  const get = async (url: string): Promise<Answer> => answerOf(await send(url, { method: 'GET' }));

  let directory: Fields;
  try {
    directory = (await get(authority.server)).fields;
    // What is there is an ACME server's directory.
    for (const name of ['newNonce', 'newAccount', 'newOrder']) directory.text(name);
  } catch (thrown) {
    transport.close();
    throw thrown;
  }

  async function post(url: string, payload?: object, accept?: string): Promise<Answer> {
    for (let left = mostNonces; ; left -= 1) {
      if (nonce === undefined) await send(directory.text('newNonce'), { method: 'HEAD' });
      if (nonce === undefined) throw new Fault('acme', `${host}: gives no nonce`);
      const body = signedRequest(key, { url, nonce, account }, payload);
      // A nonce is good once.
      nonce = undefined;
      const received = await send(url, { method: 'POST', body, ...(accept === undefined ? {} : { accept }) });
      if (isGood(received) || left === 1 || problemIn(received).type !== 'badNonce') return answerOf(received);
    }
  }

  return {
    resource: (name) => directory.optionalText(name),
    get,
    post,
    async logIn() {
      const meta = fieldsOf(host, directory.value('meta'));
      if (meta.value('externalAccountRequired') === true)
        throw new Fault(
          'acme',
          `${host}: wants accounts that were made elsewhere, which is not built (another server)`,
        );
      const { contact } = authority;
      const wanted = {
        termsOfServiceAgreed: true,
        ...(contact === undefined ? {} : { contact: [`mailto:${contact}`] }),
      };
      // RFC 8555 7.3.1: a key that has an account is given that one.
      const { location } = await post(directory.text('newAccount'), wanted);
      if (location === undefined) throw new Fault('acme', `${host}: names no account`);
      account = location;
    },
    [Symbol.dispose]: () => transport.close(),
  };
}
