import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as connectTls, TLSSocket } from 'node:tls';
import { Client, status } from '@grpc/grpc-js';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { Fault, refuse } from '#internal/errors/errors.ts';
import { MeshService } from '#internal/gen/pop44/v1/mesh_pb.ts';
import { PoolService } from '#internal/gen/pop44/v1/pools_pb.ts';
import { StatusService } from '#internal/gen/pop44/v1/status_pb.ts';
import type { Credentials } from '#internal/identity/identity.ts';
import { createCa, issueAdminCertificate, issueNodeCertificate } from '#internal/identity/identity.ts';
import { emptyHandlers } from '#internal/testkit/empty-handlers.ts';
import type { Admit, Identity, Listener, Principal } from './rpc.ts';
import {
  clientCredentials,
  connect,
  implement,
  listen,
  newServer,
  principalName,
  Refused,
  serverCredentials,
  serverNameOf,
} from './rpc.ts';

const hourMs = 3_600_000;
const validity = { now: new Date(), validForMs: hourMs };
const ca = await createCa('test', validity);
const identity = ({ certificatePem, privateKeyPem }: Credentials): Identity => ({
  ca: ca.certificatePem,
  certificate: certificatePem,
  key: privateKeyPem,
});
const node = async (id: string) => identity(await issueNodeCertificate(ca, { id, addresses: [] }, validity));
const admin = identity(await issueAdminCertificate(ca, 'ada', validity));

let listener: Listener;
let address: string;
const reported: unknown[] = [];
const seen: Principal[] = [];
let produced = 0;
let streamSignal: AbortSignal | undefined;

async function* nothing() {}

const admit: Admit = (principal, method) =>
  method.parent === MeshService && principal.kind !== 'node'
    ? refuse('forbidden', { problem: 'is for nodes', cure: '' })
    : undefined;

beforeAll(async () => {
  const server = newServer();
  const options = { admit, report: (thrown: unknown) => reported.push(thrown) };
  implement(
    server,
    PoolService,
    {
      ...emptyHandlers(PoolService),
      createPool: async ({ prefix }, call) => {
        seen.push(call.principal);
        if (prefix === 'refused') {
          throw new Refused(
            refuse('overlap', { field: 'prefix', value: prefix, problem: 'overlaps', cure: 'another' }),
          );
        }
        if (prefix === 'away') throw new Fault('unavailable', 'etcd is away');
        if (prefix === 'bug') throw new Error('password=hunter2');
        if (prefix.startsWith('long'))
          throw new Refused(refuse('invalid', { field: 'prefix', value: prefix, problem: '', cure: '' }));
        return { pool: { id: 'a', prefix } };
      },
      getPool: async (_, call) => {
        await new Promise((resolve) => call.signal.addEventListener('abort', resolve));
        return {};
      },
      listPools: async () => ({ pools: [{ description: 'x'.repeat(5_000_000) }] }),
    },
    options,
  );
  implement(
    server,
    StatusService,
    {
      getMesh: async () => ({}),
      getTop: async () => ({}),
      getStatus: async () => ({ nodeId: 'p1' }),
      releaseBrake: async () => ({}),
      waitApplied: async function* ({ revision }, call) {
        streamSignal = call.signal;
        for (let n = Number(revision); n > 0; n -= 1) {
          produced += 1;
          yield { pendingNodeIds: [String(n)] };
        }
        if (revision === 7n) throw new Refused(refuse('not-found', { problem: 'no such revision', cure: '' }));
      },
    },
    options,
  );
  implement(
    server,
    MeshService,
    {
      tellUsage: async () => ({}),
      tellWhereabouts: async () => ({}),
      orderTakeover: async () => ({}),
      carryFlows: async () => ({}),
      askFlows: async () => ({}),
      askReach: async () => ({}),
      stream: async function* (incoming) {
        for await (const { frame } of incoming) yield frame === undefined ? {} : { frame };
      },
    },
    options,
  );
  listener = await listen(server, ['127.0.0.1:0'], serverCredentials(await node('p1')));
  address = `127.0.0.1:${listener.ports[0]}`;
});
afterAll(() => listener.close(100));

const serverName = serverNameOf('p1');
const pools = (identity = admin) => connect(PoolService, address, clientCredentials(identity), { serverName });
const outcome = async (promise: Promise<unknown>): Promise<unknown> => promise.catch((thrown: unknown) => thrown);

test('a unary call arrives with its principal and comes back typed', async () => {
  const { call, close } = pools();
  expect((await call.createPool({ prefix: '44.31.0.0/22' })).pool?.prefix).toBe('44.31.0.0/22');
  expect(seen.map(principalName)).toContain('admin/ada');
  close();
});

test('a certificate is taken apart once for all calls of its connection', async () => {
  const { call, close } = pools();
  await call.createPool({ prefix: '44.31.0.0/22' });
  const read = vi.spyOn(TLSSocket.prototype, 'getPeerCertificate');
  for (let n = 0; n < 3; n += 1) await call.createPool({ prefix: '44.31.0.0/22' });
  expect(read).not.toHaveBeenCalled();
  read.mockRestore();
  expect(seen.slice(-3).map(principalName)).toEqual(['admin/ada', 'admin/ada', 'admin/ada']);
  close();
});

test('a refusal comes back as the refusal it was', async () => {
  const { call, close } = pools();
  const thrown = await outcome(call.createPool({ prefix: 'refused' }));
  expect(thrown).toBeInstanceOf(Refused);
  expect((thrown as Refused).refusal).toEqual({
    refused: 'overlap',
    field: 'prefix',
    value: 'refused',
    cure: 'another',
    message: 'prefix: "refused" overlaps (another)',
  });
  close();
});

test('a value cut in the middle of a character is refused without harm', async () => {
  const { call, close } = pools();
  const thrown = await outcome(call.createPool({ prefix: `long${'x'.repeat(72)}${'\u{1F4E1}'.repeat(30)}` }));
  expect(thrown).toBeInstanceOf(Refused);
  close();
});

test('a fault comes back with its word', async () => {
  const { call, close } = pools();
  expect(await outcome(call.createPool({ prefix: 'away' }))).toMatchObject({
    code: 'unavailable',
    message: 'etcd is away',
  });
  close();
});

test('an unexpected exception tells the caller nothing and is reported at home', async () => {
  const { call, close } = pools();
  const thrown = await outcome(call.createPool({ prefix: 'bug' }));
  expect(thrown).toMatchObject({ code: 'internal' });
  expect(String(thrown)).not.toContain('hunter2');
  expect(reported).toContainEqual(new Error('password=hunter2'));
  close();
});

test('a deadline ends the call at both ends', async () => {
  const { call, close } = pools();
  expect(await outcome(call.getPool({ pool: 'a' }, { deadlineMs: 200 }))).toMatchObject({ code: 'deadline' });
  close();
});

test('an aborted signal cancels the call', async () => {
  const { call, close } = pools();
  expect(await outcome(call.getPool({ pool: 'a' }, { signal: AbortSignal.timeout(100) }))).toMatchObject({
    code: 'cancelled',
  });
  close();
});

test('bytes that are no message are refused, and no handler sees them', async () => {
  const before = seen.length;
  const client = new Client(address, clientCredentials(admin), { 'grpc.ssl_target_name_override': serverName });
  const same = (bytes: Buffer): Buffer => bytes;
  const thrown = await new Promise((resolve) => {
    // A field of length 127 that has one byte.
    const bytes = Buffer.from([0x0a, 0x7f, 0x00]);
    client.makeUnaryRequest('/pop44.v1.PoolService/CreatePool', same, same, bytes, resolve);
  });
  expect(thrown).toMatchObject({ code: status.INVALID_ARGUMENT });
  expect(seen.length).toBe(before);
  client.close();
});

test.each([
  ['a request', () => pools().call.createPool({ prefix: 'x'.repeat(5_000_000) })],
  ['an answer', () => pools().call.listPools({})],
])('%s above 4 MiB is refused', async (_, call) => {
  expect(await outcome(call())).toMatchObject({ code: 'too-large' });
});

test('a server stream yields in order and ends', async () => {
  const { call, close } = connect(StatusService, address, clientCredentials(admin), { serverName });
  const got: string[] = [];
  for await (const { pendingNodeIds } of call.waitApplied({ revision: 3n })) got.push(...pendingNodeIds);
  expect(got).toEqual(['3', '2', '1']);
  close();
});

test('a refusal after messages of a stream comes after these messages', async () => {
  const { call, close } = connect(StatusService, address, clientCredentials(admin), { serverName });
  const got: string[] = [];
  const read = async () => {
    for await (const { pendingNodeIds } of call.waitApplied({ revision: 7n })) got.push(...pendingNodeIds);
  };
  expect(await outcome(read())).toBeInstanceOf(Refused);
  expect(got).toHaveLength(7);
  close();
});

test('leaving a stream cancels it at the server, which had not run ahead', async () => {
  const { call, close } = connect(StatusService, address, clientCredentials(admin), { serverName });
  let count = 0;
  produced = 0;
  for await (const _ of call.waitApplied({ revision: 10_000_000n })) {
    count += 1;
    if (count === 10) break;
  }
  await expect.poll(() => streamSignal?.aborted).toBe(true);
  // What fits into the windows of HTTP/2, and no more: without backpressure it is all ten million.
  expect(produced).toBeLessThan(100_000);
  close();
});

test('a bidirectional stream echoes 2,000 frames and ends with its caller', async () => {
  const { call, close } = connect(MeshService, address, clientCredentials(await node('p2')), { serverName });
  const outgoing = async function* () {
    for (let n = 1n; n <= 2_000n; n += 1n) yield { frame: { sentUs: n } };
  };
  let last = 0n;
  for await (const { frame } of call.stream(outgoing())) {
    expect(frame?.sentUs).toBe(last + 1n);
    last = frame?.sentUs ?? 0n;
  }
  expect(last).toBe(2_000n);
  close();
});

test('the mesh is for nodes', async () => {
  const { call, close } = connect(MeshService, address, clientCredentials(admin), { serverName });
  const read = async () => {
    for await (const _ of call.stream((async function* () {})())) break;
  };
  expect(await outcome(read())).toMatchObject({ refusal: { refused: 'forbidden' } });
  close();
});

const strangers: readonly (readonly [string, () => Promise<Identity>])[] = [
  [
    'of another CA',
    async () => identity(await issueAdminCertificate(await createCa('test', validity), 'ada', validity)),
  ],
  [
    'that has expired',
    async () =>
      identity(await issueAdminCertificate(ca, 'ada', { now: new Date(Date.now() - 2 * hourMs), validForMs: hourMs })),
  ],
];
test.each(strangers)('a certificate %s does not get in', async (_, stranger) => {
  const before = seen.length;
  const { call, close } = pools(await stranger());
  // Its own half of a TLS 1.3 handshake is done before the server has looked at the certificate.
  expect(await outcome(call.createPool({ prefix: 'x' }))).toMatchObject({
    code: expect.stringMatching(/^(dropped|unavailable)$/) as unknown,
  });
  expect(seen.length).toBe(before);
  close();
});

const tls = { port: 0, ALPNProtocols: ['h2'], ca: ca.certificatePem, checkServerIdentity: () => undefined };
const { certificate: cert, key } = admin;
test.each([
  ['without a certificate', {}],
  ['with TLS 1.2', { cert, key, maxVersion: 'TLSv1.2' as const }],
])('a connection %s is ended before HTTP/2 begins', async (_, options) => {
  const socket = connectTls({ ...tls, ...options, port: listener.ports[0] ?? 0 });
  const bytes: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => bytes.push(chunk));
  socket.on('error', () => {});
  await new Promise((resolve) => socket.on('close', resolve));
  expect(bytes).toEqual([]);
});

test('a unix socket is served too, over one that a killed daemon left', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'rpc-'));
  const path = join(folder, 'api.sock');
  const open = async (id: string) => {
    const server = newServer();
    const empty = async () => ({});
    const getStatus = async () => ({ nodeId: id });
    const handlers = { getMesh: empty, getTop: empty, getStatus, releaseBrake: empty, waitApplied: nothing };
    implement(server, StatusService, handlers, { admit, report: () => {} });
    return listen(server, [`unix:${path}`], serverCredentials(await node(id)));
  };
  const killed = await open('p1');
  const alive = await open('p2');
  const { call, close } = connect(StatusService, `unix:${path}`, clientCredentials(admin), {
    serverName: serverNameOf('p2'),
  });
  expect((await call.getStatus({})).nodeId).toBe('p2');
  close();
  await Promise.all([killed.close(0), alive.close(0)]);
  rmSync(folder, { recursive: true });
});

test('an address that is taken is a fault that names it', async () => {
  const again = listen(newServer(), [address], serverCredentials(await node('p1')));
  expect(await outcome(again)).toMatchObject({ code: 'listen', message: expect.stringContaining(address) as unknown });
});

test('a daemon of another name is not spoken to', async () => {
  const { call, close } = connect(PoolService, address, clientCredentials(admin), { serverName: serverNameOf('p2') });
  expect(await outcome(call.createPool({ prefix: 'x' }))).toMatchObject({ code: 'unavailable' });
  close();
});
