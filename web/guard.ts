// Guard: what every answer bears, what every request has to show, and who has to wait.

import { randomBytes } from 'node:crypto';
import cookies from '@fastify/cookie';
import rateLimit from '@fastify/rate-limit';
import underPressure from '@fastify/under-pressure';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { formToken, plainAddress, prefixOf } from './source.ts';
import type { LoginCookie } from './visit.ts';

/** No script and no style but our own files, nobody's frame, no text that becomes markup in the browser. */
const contentPolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data: blob:",
  "connect-src 'self'",
  "form-action 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
].join('; ');

const headers: Readonly<Record<string, string>> = {
  'content-security-policy': contentPolicy,
  'strict-transport-security': 'max-age=31536000',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  // Not no-referrer: browsers then say `Origin: null` with our own forms.
  'referrer-policy': 'same-origin',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'permissions-policy': 'camera=(), microphone=(), geolocation=()',
};

/** Requests a minute of one source, and of those what changes something. A club behind one address is one source. */
const requestsAMinute = 600;
export const changesAMinute = 60;

/** A process that cannot look after its requests for so long tells new ones to come back. */
const pressure = { maxEventLoopDelay: 1_000, maxHeapUsedBytes: 768 * 1024 * 1024, retryAfter: 10, sampleInterval: 500 };

/** A login of the console opens nothing on the public pages, and the other way round. */
export const cookieNames = (kind: 'public' | 'console') => ({
  login: kind === 'console' ? '__Host-pop44console' : '__Host-pop44',
  form: '__Host-pop44form',
});

const usual = { path: '/', secure: true, httpOnly: true, sameSite: 'lax' } as const;
const secretForm = /^[A-Za-z0-9_-]{43}$/;

export const sourceOf = (request: FastifyRequest): string =>
  // A socket of this machine has no address.
  plainAddress((request.ip as string | undefined) ?? '');

/** What refuses a request before any page sees it; `asPage` shows it. */
export class Turned extends Error {
  readonly statusCode: number;
  readonly retryAfterSeconds: number | undefined;
  constructor(statusCode: number, message: string, retryAfterSeconds?: number) {
    super(message);
    this.name = 'Turned';
    this.statusCode = statusCode;
    this.retryAfterSeconds = retryAfterSeconds;
  }
}

export async function guard(app: FastifyInstance): Promise<void> {
  await app.register(cookies);
  await app.register(underPressure, {
    ...pressure,
    pressureHandler: () => {
      throw new Turned(
        503,
        'There is more to do here than this server can do. Try again in a moment.',
        pressure.retryAfter,
      );
    },
  });
  await app.register(rateLimit, {
    max: (request) => (request.method === 'POST' ? changesAMinute : requestsAMinute),
    timeWindow: 60_000,
    cache: 50_000,
    keyGenerator: (request) => `${request.method === 'POST' ? 'change' : 'ask'} ${prefixOf(sourceOf(request))}`,
    errorResponseBuilder: (_, { ttl }) =>
      new Turned(429, 'You have asked very often. Wait a minute and try again.', Math.ceil(ttl / 1_000)),
    addHeaders: { 'x-ratelimit-limit': false, 'x-ratelimit-remaining': false, 'x-ratelimit-reset': false },
  });
  app.addHook('onSend', async (_, reply) => {
    void reply.headers(headers);
    if (reply.getHeader('cache-control') === undefined) void reply.header('cache-control', 'no-store');
  });
}

/** What its forms bear: made with the first page, and the same for all pages of this browser. */
export function formCookie(request: FastifyRequest, reply: FastifyReply, name: string): string {
  const before = request.cookies[name];
  if (before !== undefined && secretForm.test(before)) return before;
  const made = randomBytes(32).toString('base64url');
  void reply.setCookie(name, made, usual);
  return made;
}

export const loginSecret = (request: FastifyRequest, name: string): string | undefined => {
  const secret = request.cookies[name];
  return secret !== undefined && secretForm.test(secret) ? secret : undefined;
};

export function setLogin(reply: FastifyReply, name: string, login: LoginCookie): void {
  if (login === 'gone') void reply.clearCookie(name, usual);
  else void reply.setCookie(name, login.secret, { ...usual, expires: login.expires });
}

/** Whether a change comes from a page of ours: by what the browser says of it, and by the form's token. @throws Turned */
export function checkOrigin(request: FastifyRequest, cookie: string | undefined, token: string): void {
  const { origin, host, 'sec-fetch-site': site } = request.headers;
  const fits =
    (origin !== undefined || site !== undefined) &&
    (origin === undefined || origin === `https://${host}`) &&
    (site === undefined || site === 'same-origin');
  if (!fits) throw new Turned(403, 'That came from another site. Open the page here and try again.');
  if (cookie === undefined || formToken(cookie) !== token)
    throw new Turned(403, 'This form has grown old, or cookies are off. Open the page again and send it once more.');
}
