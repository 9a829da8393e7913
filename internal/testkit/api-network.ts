// API network: daemons that are nothing but their API, over real TLS, on one store. Whatever is committed counts as
// applied on every node as soon as its daemon has heard of it.

import { create } from '@bufbuild/protobuf';
import type { GenService, GenServiceMethods } from '@bufbuild/protobuf/codegenv2';
import { type Api, type Members, openApi, type ReachParts } from '#internal/api/api.ts';
import { type Clock, realClock } from '#internal/clock/clock.ts';
import { Fault } from '#internal/errors/errors.ts';
import { NodeSchema } from '#internal/gen/pop44/store/v1/records_pb.ts';
import type { Credentials } from '#internal/identity/identity.ts';
import {
  createCa,
  issueAdminCertificate,
  issueNodeCertificate,
  issueWebCertificate,
  openAuthorities,
} from '#internal/identity/identity.ts';
import { createLeader, type Elected, type Leader } from '#internal/leader/leader.ts';
import { createLog } from '#internal/log/log.ts';
import type { Snapshot } from '#internal/model/model.ts';
import { createHasher } from '#internal/password/password.ts';
import type { Calls, Connection, Identity } from '#internal/rpc/rpc.ts';
import {
  clientCredentials,
  connect,
  listen,
  newPublicServer,
  newServer,
  publicCredentials,
  serverCredentials,
  serverNameOf,
} from '#internal/rpc/rpc.ts';
import type { Store } from '#internal/store/store.ts';
import type { Status } from '#internal/status/status.ts';
import { createStatus } from '#internal/status/status.ts';
import type { Head } from '#internal/submit/submit.ts';
import type { StoreSide } from './memory-store.ts';

export interface ApiDaemon {
  /** Logins that were refused. */
  readonly refusals: readonly string[];
  readonly node: string;
  readonly address: string;
  /** Where no certificate is asked for. */
  readonly publicAddress: string;
  readonly head: Head;
  readonly status: Status;
  /** The watch stands still until resume. */
  pause(): void;
  resume(): void;
  /** What its contact with the store is said to be. */
  connected: boolean;
  /** Whether its privileged half is said to be there. */
  dataplane: boolean;
  /** What the brake holds. */
  held: string;
  /** Exceptions that nobody expected. */
  readonly unexpected: string[];
  readonly requests: string[];
  readonly leader?: Leader;
  /** What its join port would answer. */
  readonly join: Api['join'];
}

export interface ApiNetwork extends AsyncDisposable {
  readonly daemons: readonly ApiDaemon[];
  readonly ca: Identity['ca'];
  identityOf(kind: 'node' | 'admin' | 'web', id: string): Promise<Identity>;
  /** Calls with what is told: the credentials of a principal, and the secret of a login. */
  bearing<M extends GenServiceMethods>(
    service: GenService<M>,
    daemon: ApiDaemon,
    secret: string,
    identity?: Identity,
  ): Calls<M>;
  /** Calls as this principal; by default the admin ada. */
  as<M extends GenServiceMethods>(service: GenService<M>, daemon: ApiDaemon, identity?: Identity): Calls<M>;
}

export interface Surroundings {
  readonly clock?: Clock;
  /** Of the etcd that a store stands for; absent: there is none. */
  readonly members?: Members;
  /** What nodes measure of others; absent: nobody asks anybody for an echo. */
  readonly reach?: ReachParts;
}

/** These daemons have no privileged half. */
const asksNobody: ReachParts = {
  ask: async () => ({ how: '', problem: 'the privileged half of this node does not answer' }),
  explainAt: async (id) => {
    throw new Fault('unavailable', `${id} is not on the mesh`);
  },
};

const graceMs = 50;

/** Of a store in memory; etcd's own has its own. */
const unaudited: Pick<Store, 'newestAudit' | 'auditRecords' | 'readAudit' | 'readAnchors' | 'readHeads' | 'trimAudit'> =
  {
    newestAudit: async () => [],
    auditRecords: async () => [],
    async *readAudit() {},
    readAnchors: async () => new Map(),
    readHeads: async () => new Map(),
    trimAudit: async () => undefined,
  };

export async function apiNetwork(
  sideOf: (onAdvance: (snapshot: Snapshot) => void) => StoreSide,
  nodes: readonly string[],
  /** Who leads what, as each daemon sees it; without it nobody leads anything. */
  elected?: (node: string) => Elected,
  { clock = realClock, members, reach = asksNobody }: Surroundings = {},
): Promise<ApiNetwork> {
  const validity = { now: realClock.wall(), validForMs: 3_600_000 };
  const ca = await createCa('test', validity);
  const pem = ({ certificatePem, privateKeyPem }: Credentials): Identity => ({
    ca: ca.certificatePem,
    certificate: certificatePem,
    key: privateKeyPem,
  });
  const issued = {
    node: (id: string) => issueNodeCertificate(ca, { id, addresses: [] }, validity),
    admin: (id: string) => issueAdminCertificate(ca, id, validity),
    web: (name: string) => issueWebCertificate(ca, { name, hosts: ['localhost'], addresses: ['127.0.0.1'] }, validity),
  };
  const identityOf = async (kind: keyof typeof issued, id: string): Promise<Identity> => pem(await issued[kind](id));
  const admin = await identityOf('admin', 'ada');
  const passwords = createHasher(clock, 1);
  const open: Connection<GenServiceMethods>[] = [];
  const listeners: { close(graceMs: number): Promise<void> }[] = [];

  async function leading(node: string) {
    const credentials = clientCredentials(await identityOf('node', node));
    return () => credentials;
  }

  async function daemon(node: string): Promise<ApiDaemon> {
    const status = createStatus(node);
    const { store, head, people, pause, resume } = sideOf(({ revision }) => {
      status.update({ appliedRevision: revision, snapshotRevision: revision });
    });
    const state = {
      connected: true,
      dataplane: true,
      held: '',
      unexpected: [] as string[],
      requests: [] as string[],
      refusals: [] as string[],
    };
    const silent = createLog({}, 'silent');
    const server = newServer();
    const leader =
      elected &&
      createLeader({
        nodeId: node,
        election: elected(node),
        credentials: await leading(node),
        clock,
        log: silent,
      });
    const api = openApi({
      config: { nodeId: node },
      ...(leader && { lead: { ...leader, leaderOf: (poolId) => elected?.(node).leaderOf(poolId) } }),
      version: '0.0.0-test',
      head,
      people,
      passwords,
      refusals: { count: (reason) => state.refusals.push(reason) },
      store: { ...unaudited, ...store, contact: () => ({ connected: state.connected }), quarantined: () => ['pop/x'] },
      status,
      dataplaneConnected: () => state.dataplane,
      reconciler: {
        release() {
          const held = state.held;
          state.held = '';
          return held;
        },
      },
      // As a firewall that has refused one packet for each prefix.
      denials: async (prefixes) => prefixes.map((prefix) => ({ prefix, packets: 1, bytes: 60 })),
      // These daemons have no privileged half, and know of no handshake.
      explain: {
        self: { nodeId: node, interconnectKeyFile: '/keys/interconnect' },
        here: () => new Set(),
        holderOf: () => undefined,
        facts: async () => {
          throw new Fault('unavailable', 'the privileged half of this node does not answer');
        },
      },
      reach,
      stayOf: () => ({ nodeId: undefined, moves: 0, frozenUntilMs: undefined, alsoAt: [] }),
      clock,
      log: { ...silent, error: (event, fields) => state.unexpected.push(`${event} ${JSON.stringify(fields)}`) },
      usage: { own: () => undefined, others: async () => [] },
      trusted: () => ca.certificatePem,
      ...(members && { members }),
      joining: {
        held: () => openAuthorities({ keyPem: ca.privateKeyPem, trustedPem: ca.certificatePem }),
        storesAgainst: async () => [],
        ...{
          addresses: [`${node}@198.18.1.2:4441`],
          etcdEndpoints: ['https://[fd44:44::1]:2379'],
          progressNotifyMs: 500,
        },
      },
      metrics: { request: (method) => state.requests.push(method), unexpected: () => {} },
    });
    api.serve(server);
    leader?.serve(server, api.gate, api.carryOut);
    const listener = await listen(server, ['127.0.0.1:0'], serverCredentials(await identityOf('node', node)));
    listeners.push(listener);
    const address = `127.0.0.1:${listener.ports[0]}`;
    const publicServer = newPublicServer();
    api.serve(publicServer);
    const door = await listen(publicServer, ['127.0.0.1:0'], publicCredentials(await identityOf('node', node)));
    listeners.push(door);
    const publicAddress = `127.0.0.1:${door.ports[0]}`;
    return Object.assign(state, {
      node,
      address,
      publicAddress,
      head,
      join: api.join,
      status,
      pause,
      resume,
      ...(leader && { leader }),
    });
  }

  const daemons = await Promise.all(nodes.map(daemon));
  const places = daemons.map(({ node, address }) =>
    create(NodeSchema, { id: node, meshAddress: '127.0.0.1', apiPort: Number(address.split(':')[1]) }),
  );
  for (const { leader } of daemons) leader?.nodes(places);

  return {
    daemons,
    ca: ca.certificatePem,
    identityOf,
    as(service, { node, address }, identity = admin) {
      const connection = connect(service, address, clientCredentials(identity), { serverName: serverNameOf(node) });
      open.push(connection as unknown as Connection<GenServiceMethods>);
      return connection.call;
    },
    bearing(service, { node, address }, secret, identity = admin) {
      const options = { serverName: serverNameOf(node), bearer: () => secret };
      const connection = connect(service, address, clientCredentials(identity), options);
      open.push(connection as unknown as Connection<GenServiceMethods>);
      return connection.call;
    },
    async [Symbol.asyncDispose]() {
      for (const { leader } of daemons) leader?.close();
      for (const connection of open) connection.close();
      await Promise.all(listeners.map((listener) => listener.close(graceMs)));
    },
  };
}
