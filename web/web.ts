// Web: the sign-up page, the user's pages and the console: pages made on the server, out of what daemons answer.
//
// On the path: a browser asks by HTTPS, a page asks daemons by gRPC with the browser's own login, and what they answer or
// refuse becomes a page. Several instances stand side by side: none keeps anything but what makes it faster or slower.
// Never: knows a password longer than its call, a private key of a tunnel, etcd, or who may do what: daemons say that.

import { createHmac, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { RequestListener } from 'node:http';
import type { Clock } from '#internal/clock/clock.ts';
import { Fault, messageOf } from '#internal/errors/errors.ts';
import type { Log } from '#internal/log/log.ts';
import { serveMetrics } from '#internal/metrics/metrics.ts';
import { makeAssets } from './assets.ts';
import { openBackend } from './backend.ts';
import { networkLook } from './console/network-pages.ts';
import { createSearch } from './console/search.ts';
import { type Entrance, openEntrance } from './entrance.ts';
import { createFigures } from './figures.ts';
import { createFollower } from './follower.ts';
import { createLimit } from './limit.ts';
import { placeOf } from './listen.ts';
import { createLive, type Look } from './live.ts';
import { proxiesOf } from './proxies.ts';
import { routesOf } from './routes.ts';
import type { Listening, Settings } from './settings.ts';
import { createSite } from './site.ts';
import { tunnelLook } from './tunnel-state.ts';
import { createWork } from './work.ts';

export { readSettings, type Settings } from './settings.ts';

export interface Web {
  /** TCP ports in the order of the settings; 0 of a socket. */
  readonly ports: { readonly public: readonly number[]; readonly console: readonly number[] };
  close(): Promise<void>;
}

export interface WebAround {
  readonly clock: Clock;
  readonly log: Log;
}

/** Sign-ups of browsers without scripts, from one source. */
const withoutWorkEveryMs = 600_000;
const leastSecretBytes = 32;

function secretOf(file: string | undefined): Buffer {
  if (file === undefined) return randomBytes(32);
  let secret: Buffer;
  try {
    secret = readFileSync(file);
  } catch (thrown) {
    throw new Fault('config', `secretFile: ${messageOf(thrown)}`, thrown);
  }
  if (secret.length < leastSecretBytes)
    throw new Fault(
      'config',
      `secretFile: ${file} has ${secret.length} bytes (at least ${leastSecretBytes} random ones)`,
    );
  return createHmac('sha256', secret).update('pop44-web').digest();
}

/** @throws Fault `config`, `context`, `listen` */
export async function openWeb(settings: Settings, around: WebAround): Promise<Web> {
  const { clock, log } = around;
  const key = secretOf(settings.secretFile);
  const work = createWork(key, settings.workBits, clock, () => randomBytes(12).toString('base64url'));
  const withoutWork = createLimit(withoutWorkEveryMs, clock);
  const newSecret = (): Buffer => randomBytes(32);
  const { name } = settings;
  const isProxy = proxiesOf(settings.trustedProxies);
  const backend = openBackend(settings.context, around);
  const closers: (() => Promise<void>)[] = [async () => backend.close()];
  const close = async (): Promise<void> => {
    for (const each of closers.toReversed()) await each();
  };
  const follower = createFollower({
    ...{ clock, client: backend.client, nodes: settings.context.daemons.map(({ node }) => node) },
    left: (node, { code }) => log.warn('daemon-away', { node, reason: code }),
  });
  closers.push(async () => follower.close());
  try {
    const entrances = new Map<string, Entrance>();
    const common = { name, client: backend.client, assets: await makeAssets(), clock, log, isProxy };
    const reached = new Set(settings.context.daemons.map(({ node }) => node));
    const pages = { name, work, withoutWork, newSecret, search: createSearch(clock), reached };
    const open = async (
      kind: 'public' | 'console',
      where: Listening | undefined,
      look: Look,
    ): Promise<readonly number[]> => {
      if (where === undefined) return [];
      const live = createLive(look, { clock, follower });
      const site = await createSite({ ...common, kind, routes: routesOf(kind, pages), live: live.events });
      closers.push(() => site.close());
      const serve: RequestListener = (request, response) => site.routing(request, response);
      const entrance = await openEntrance(kind, where, serve, {
        ...{ clock, log, isProxy, acme: settings.acme, secret: key },
      });
      entrances.set(kind, entrance);
      closers.push(async () => {
        live.close();
        await entrance.close();
      });
      return entrance.ports;
    };
    const ports = {
      public: await open('public', settings.public, tunnelLook),
      console: await open('console', settings.console, networkLook),
    };
    if (settings.metrics !== undefined) {
      const [address, port] = placeOf(settings.metrics);
      const certificates = new Map([...entrances].map(([kind, { certificate }]) => [kind, certificate]));
      const scrape = await serveMetrics(createFigures(certificates, clock), address, port);
      closers.push(() => scrape.close());
    }
    // Last of all: a start that fails, again and again, must have ordered nothing.
    for (const entrance of entrances.values()) entrance.follow();
    return { ports, close };
  } catch (thrown) {
    await close();
    throw thrown;
  }
}
