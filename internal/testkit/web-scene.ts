// Web scene: pop44-web before daemons that are nothing but their API, on a store in memory: pages in milliseconds, and every
// answer a real one.

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Client } from '#internal/client/client.ts';
import { type Clock, realClock } from '#internal/clock/clock.ts';
import { FabricService } from '#internal/gen/pop44/v1/fabric_pb.ts';
import { PeopleService } from '#internal/gen/pop44/v1/people_pb.ts';
import { PoolService } from '#internal/gen/pop44/v1/pools_pb.ts';
import { createLog, type Log } from '#internal/log/log.ts';
import { openWeb, type Settings, type Web } from '#web/web.ts';
import { type Mailbox, mailbox } from './accounts.ts';
import { apiClient } from './api-client.ts';
import { type ApiNetwork, apiNetwork } from './api-network.ts';
import { memoryStore, type StoreSide } from './memory-store.ts';
import { createSmallFabric } from './requests.ts';

export interface WebScene extends AsyncDisposable {
  readonly network: ApiNetwork;
  /** As the admin ada. */
  readonly client: Client;
  readonly mails: Mailbox;
  readonly web: Web;
  /** `https://localhost:40001` */
  readonly publicUrl: string;
  readonly consoleUrl: string;
  /** PEM of who signs its certificate. */
  readonly ca: string;
  /** Of `web`, for another instance beside it. */
  readonly settings: Settings;
}

export interface SceneOptions {
  readonly workBits?: number;
  readonly clock?: Clock;
  /** Daemons that nobody answers for: one before the others, or all. */
  readonly away?: 'first' | 'all';
  /** Default: a port of 127.0.0.1. */
  readonly listen?: readonly string[];
  readonly trustedProxies?: readonly string[];
  /** In place of the scene's own. */
  readonly settings?: Partial<Settings>;
  readonly log?: Log;
}

/** Nobody listens there (RFC 6335: reserved). */
const nobody = { node: 'p9', address: '127.0.0.1:1' };

export async function webScene(options: SceneOptions = {}): Promise<WebScene> {
  const { workBits = 8, clock = realClock, away, listen = ['127.0.0.1:0'], trustedProxies = [] } = options;
  const { log = createLog({}, 'silent') } = options;
  const store = memoryStore();
  const sides: StoreSide[] = [];
  const network = await apiNetwork(
    (onAdvance) => {
      const side = store.follower(onAdvance);
      sides.push(side);
      return side;
    },
    ['p1', 'p2'],
  );
  const [first] = network.daemons;
  const [side] = sides;
  if (first === undefined || side === undefined) throw new Error('no daemon');
  await createSmallFabric(network.as(FabricService, first), network.as(PoolService, first), 2);
  const directory = await mkdtemp(join(tmpdir(), 'pop44-web-'));
  const { ca, certificate, key } = await network.identityOf('web', 'www');
  const file = (name: string): string => join(directory, name);
  await writeFile(file('ca.pem'), ca);
  await writeFile(file('web.pem'), certificate);
  await writeFile(file('web.key'), key, { mode: 0o600 });
  const pair = { certificateFile: file('web.pem'), keyFile: file('web.key') };
  const settings: Settings = {
    context: {
      ...{ file: file('web.json'), ca: file('ca.pem'), certificate: file('web.pem'), key: file('web.key') },
      daemons: [
        ...(away === undefined ? [] : [nobody]),
        ...(away === 'all' ? [] : network.daemons.map(({ node, address }) => ({ node, address }))),
      ],
      namespaces: [],
    },
    public: { listen, ...pair },
    console: { listen: ['127.0.0.1:0'], ...pair },
    ...{ name: '44Net Lab', trustedProxies, workBits, ...options.settings },
  };
  const web = await openWeb(settings, { clock, log });
  const publicUrl = `https://localhost:${web.ports.public[0]}`;
  await network.as(PeopleService, first).setSignUp({ publicUrl });
  const mails = await mailbox(side);
  return {
    ...{ network, client: apiClient(network, first), mails, web, publicUrl, settings, ca: String(ca) },
    consoleUrl: `https://localhost:${web.ports.console[0]}`,
    async [Symbol.asyncDispose]() {
      await web.close();
      await mails[Symbol.asyncDispose]();
      await network[Symbol.asyncDispose]();
      await rm(directory, { recursive: true, force: true });
    },
  };
}
