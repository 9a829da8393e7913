// Site: one fastify instance: requests become visits, answers become responses, whatever is thrown becomes a page.

import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import type { Clock } from '#internal/clock/clock.ts';
import { messageOf } from '#internal/errors/errors.ts';
import type { Client } from '#internal/client/client.ts';
import type { Log } from '#internal/log/log.ts';
import type { Assets } from './assets.ts';
import { checkOrigin, cookieNames, formCookie, guard, loginSecret, setLogin, sourceOf, Turned } from './guard.ts';
import { html } from './html.ts';
import { layout } from './layout.ts';
import type { Live } from './live.ts';
import type { IsProxy } from './proxies.ts';
import { formToken } from './source.ts';
import type { Answer, Page, Route, Visit } from './visit.ts';
import { troubleOf } from './words.ts';

export interface SiteAround {
  readonly kind: 'public' | 'console';
  /** Of the network. */
  readonly name: string;
  readonly client: () => Client;
  readonly assets: Assets;
  readonly clock: Clock;
  readonly log: Log;
  readonly isProxy: IsProxy;
  readonly routes: readonly Route[];
  /** Answers with what goes on as long as a page is open. */
  readonly live: Live['events'];
}

const bodyLimit = 64 * 1024;
/** Characters of a thing's id. */
const mostSubject = 64;
const immutable = 'public, max-age=31536000, immutable';

/** The local page that a login leads back to; never another site. */
export const nextPage = (text: string | null): string =>
  text !== null && /^\/(?![/\\])[\x21-\x7e]{0,500}$/.test(text) ? text : '/';

const problemPage = (title: string, text: string): Page => ({
  title,
  body: html`<h1>${title}</h1><p class="lead">${text}</p><p><a class="button quiet" href="/">To the start</a></p>`,
});

const titles: Readonly<Record<number, string>> = {
  403: 'Not allowed',
  404: 'Not found',
  413: 'Too much',
  422: 'Not possible',
  429: 'Too often',
  503: 'Not available',
  504: 'No answer',
};

export async function createSite(around: SiteAround): Promise<FastifyInstance> {
  const { kind, assets, name, log, client, isProxy } = around;
  const app = fastify({
    bodyLimit,
    // Those that may say for whom they ask.
    trustProxy: isProxy,
    logger: false,
    routerOptions: { maxParamLength: 200 },
    requestTimeout: 15_000,
    exposeHeadRoutes: false,
  });
  const names = cookieNames(kind);
  const frame = { name, kind, assets };
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('application/x-www-form-urlencoded', { parseAs: 'string', bodyLimit }, (_, body, done) =>
    done(null, new URLSearchParams(body as string)),
  );
  await guard(app);

  function visitOf(request: FastifyRequest, cookie: string): Visit {
    const url = new URL(request.url, 'https://site');
    const secret = loginSecret(request, names.login);
    const bearer = secret === undefined ? undefined : `pop44_${secret}`;
    const source = sourceOf(request);
    return {
      path: url.pathname,
      params: request.params as Readonly<Record<string, string>>,
      query: url.searchParams,
      form: request.body instanceof URLSearchParams ? request.body : new URLSearchParams(),
      bearer,
      source,
      userAgent: request.headers['user-agent'] ?? '',
      wantsJson: request.headers.accept === 'application/json',
      token: formToken(cookie),
      client: client(),
      call: { bearer, ...(source === '' ? {} : { source }) },
    };
  }

  function send(reply: FastifyReply, visit: Pick<Visit, 'path' | 'token'>, answer: Answer): FastifyReply {
    if ('login' in answer && answer.login !== undefined) setLogin(reply, names.login, answer.login);
    if ('to' in answer) return reply.redirect(answer.to, 303);
    if ('json' in answer) return reply.status(answer.status ?? 200).send(answer.json);
    return reply
      .status(answer.status ?? 200)
      .type('text/html; charset=utf-8')
      .send(layout(frame, answer.page, visit));
  }

  const toLogin = (visit: Visit): Answer =>
    visit.wantsJson
      ? {
          json: {
            problem: { field: '', text: 'Your login has ended. Log in again in another tab, then try once more.' },
          },
          status: 401,
        }
      : { to: `/login?next=${encodeURIComponent(visit.path)}`, login: 'gone' };

  app.setErrorHandler((thrown: unknown, request, reply) => {
    const visit = visitOf(request, formCookie(request, reply, names.form));
    const trouble = troubleOf(thrown);
    if (trouble?.loggedOut === true) return send(reply, visit, toLogin(visit));
    const known = thrown as { readonly statusCode?: unknown; readonly message?: unknown };
    const code = typeof known.statusCode === 'number' ? known.statusCode : 500;
    const isOurs = thrown instanceof Turned;
    const status = trouble?.status ?? code;
    if (isOurs && thrown.retryAfterSeconds !== undefined)
      void reply.header('retry-after', String(thrown.retryAfterSeconds));
    if (status === 503 && !isOurs) void reply.header('retry-after', '10');
    if (status >= 500 && trouble === undefined && !isOurs)
      log.error('page-failed', { path: request.routeOptions.url ?? '', reason: messageOf(thrown) });
    const usualText =
      status === 413 ? 'A form here has at most 64 KiB.' : 'This server could not do that. It was written down.';
    const text =
      trouble?.text ??
      (isOurs ? thrown.message : status < 500 && status !== 413 ? 'This request makes no sense here.' : usualText);
    if (visit.wantsJson) return reply.status(status).send({ problem: { field: trouble?.field ?? '', text } });
    return send(reply, visit, { page: problemPage(titles[status] ?? 'Something went wrong', text), status });
  });

  app.setNotFoundHandler((request, reply) => {
    const visit = visitOf(request, formCookie(request, reply, names.form));
    return send(reply, visit, { page: problemPage('Not found', 'There is no such page.'), status: 404 });
  });

  for (const { method, path, loggedIn = false, handle } of around.routes) {
    app.route({
      method,
      url: path,
      handler: async (request, reply) => {
        const cookie = formCookie(request, reply, names.form);
        const visit = visitOf(request, cookie);
        if (method === 'POST') checkOrigin(request, request.cookies[names.form], visit.form.get('token') ?? '');
        if (loggedIn && visit.bearer === undefined) return send(reply, visit, toLogin(visit));
        return send(reply, visit, await handle(visit));
      },
    });
  }

  app.get('/assets/:file', { config: { rateLimit: false } }, (request, reply) => {
    const { file } = request.params as { readonly file: string };
    const asset = assets.files.get(`/assets/${file}`);
    if (asset === undefined) return reply.callNotFound();
    void reply.type(asset.type).header('cache-control', immutable).header('vary', 'accept-encoding');
    const takesBrotli = /\bbr\b/.test(String(request.headers['accept-encoding'] ?? ''));
    return takesBrotli ? reply.header('content-encoding', 'br').send(asset.packed) : reply.send(asset.bytes);
  });
  app.get('/healthz', { config: { rateLimit: false } }, (_, reply) => reply.type('text/plain').send('ok\n'));
  app.get('/robots.txt', (_, reply) =>
    reply
      .type('text/plain')
      .send(kind === 'console' ? 'User-agent: *\nDisallow: /\n' : 'User-agent: *\nAllow: /$\nDisallow: /\n'),
  );

  app.get('/live', async (request, reply) => {
    const visit = visitOf(request, formCookie(request, reply, names.form));
    if (visit.bearer === undefined) return reply.status(401).send({ problem: { field: '', text: 'Log in first.' } });
    // The console's pages all show the same.
    const subject = kind === 'console' ? '' : (visit.query.get('of') ?? '').slice(0, mostSubject);
    const ended = new AbortController();
    reply.hijack();
    const { raw } = reply;
    raw.on('close', () => ended.abort());
    raw.writeHead(200, {
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
      // Proxies that gather answers would gather this one for ever.
      'x-accel-buffering': 'no',
    });
    try {
      for await (const event of around.live(visit, subject, ended.signal)) {
        // Who reads too slowly is cut off, and comes back by itself.
        if (!raw.write(event) && raw.writableLength > bodyLimit) break;
      }
    } catch (thrown) {
      if (!ended.signal.aborted) log.warn('live-failed', { reason: messageOf(thrown) });
    }
    raw.end();
    return reply;
  });
  await app.ready();
  return app;
}
