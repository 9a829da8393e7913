import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { Fault, refuse } from '#internal/errors/errors.ts';
import { AllocationService } from '#internal/gen/pop44/v1/allocations_pb.ts';
import { PoolService } from '#internal/gen/pop44/v1/pools_pb.ts';
import { StatusService } from '#internal/gen/pop44/v1/status_pb.ts';
import type { Credentials } from '#internal/identity/identity.ts';
import { createCa, issueAdminCertificate, issueNodeCertificate } from '#internal/identity/identity.ts';
import type { Listener } from '#internal/rpc/rpc.ts';
import { implement, listen, newServer, Refused, serverCredentials } from '#internal/rpc/rpc.ts';
import { emptyHandlers } from '#internal/testkit/empty-handlers.ts';
import { eventually } from '#internal/testkit/eventually.ts';
import type { Client } from './client.ts';
import { findContext, openClient, readContext } from './client.ts';

const validity = { now: new Date(), validForMs: 3_600_000 };
const ca = await createCa('test', validity);
// Nobody's: the labs of whoever runs the tests are not these tests' labs.
const uid = 4_000_000_000;
const folder = mkdtempSync(join(tmpdir(), 'client-'));
const listeners: Listener[] = [];
const clients: Client[] = [];

type Mood = 'well' | 'away' | 'silent' | 'refusing' | 'resting';
interface Heard {
  readonly node: string;
  readonly requestId: string;
}
const heard: Heard[] = [];
const moods: Record<string, Mood> = {};

const pem = (name: string, { certificatePem, privateKeyPem }: Credentials) => {
  writeFileSync(join(folder, `${name}.pem`), certificatePem);
  writeFileSync(join(folder, `${name}.key`), privateKeyPem, { mode: 0o600 });
};

async function daemon(node: string): Promise<{ node: string; address: string }> {
  const certificate = await issueNodeCertificate(ca, { id: node, addresses: [] }, validity);
  const server = newServer();
  const mood = async (requestId: string, signal: AbortSignal): Promise<void> => {
    heard.push({ node, requestId });
    switch (moods[node]) {
      case 'away':
        throw new Fault('unavailable', 'etcd is away');
      case 'silent':
        return new Promise((resolve) => signal.addEventListener('abort', () => resolve()));
      case 'refusing':
        throw new Refused(refuse('not-found', { problem: 'no', cure: '' }));
      case 'resting':
        throw new Refused(refuse('busy', { problem: 'no more', cure: '', restMs: 300 }));
      case 'well':
      case undefined:
        return undefined;
    }
  };
  const options = { admit: () => undefined, report: () => {} };
  implement(
    server,
    PoolService,
    {
      ...emptyHandlers(PoolService),
      createPool: async ({ change }, { signal }) => {
        await mood(change?.requestId ?? '', signal);
        return { pool: { id: node } };
      },
      getPool: async (_, { signal }) => {
        await mood('', signal);
        return { pool: { id: node } };
      },
    },
    options,
  );
  const allocateMany = async function* (incoming: AsyncIterable<unknown>) {
    for await (const _ of incoming) yield {};
  };
  implement(server, AllocationService, { ...emptyHandlers(AllocationService), allocateMany }, options);
  implement(
    server,
    StatusService,
    {
      getMesh: async () => ({}),
      getTop: async () => ({}),
      getStatus: async () => ({ nodeId: node }),
      releaseBrake: async () => ({}),
      waitApplied: async function* (_, { signal }) {
        await mood('', signal);
        yield { pendingNodeIds: [node] };
      },
    },
    options,
  );
  const identity = { ca: ca.certificatePem, certificate: certificate.certificatePem, key: certificate.privateKeyPem };
  const listener = await listen(server, ['127.0.0.1:0'], serverCredentials(identity));
  listeners.push(listener);
  return { node, address: `127.0.0.1:${listener.ports[0]}` };
}

const contextText = (daemons: unknown, more: object = {}) =>
  JSON.stringify({ ca: 'ca.pem', certificate: 'admin.pem', key: 'admin.key', daemons, ...more });
const contextFile = join(folder, 'context.json');

beforeAll(async () => {
  pem('ca', ca);
  pem('admin', await issueAdminCertificate(ca, 'ada', validity));
  const nobody = { node: 'p0', address: '127.0.0.1:1' };
  writeFileSync(contextFile, contextText([nobody, await daemon('p1'), await daemon('p2')]));
});
afterEach(() => {
  heard.length = 0;
  for (const node of Object.keys(moods)) delete moods[node];
});
afterAll(async () => {
  for (const client of clients) client.close();
  await Promise.all(listeners.map((listener) => listener.close(50)));
  rmSync(folder, { recursive: true });
});

function client(options: Parameters<typeof openClient>[1] = {}): Client {
  const opened = openClient(readContext(contextFile), options);
  clients.push(opened);
  return opened;
}
const thrownBy = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );

test('a daemon that is away is stepped over, and told', async () => {
  const stepped: string[] = [];
  const { pools } = client({ steppedOver: (node) => stepped.push(node) });
  expect((await pools.getPool({ pool: 'a' })).pool?.id).toBe('p1');
  expect(stepped).toEqual(['p0']);
});

test.each(['away', 'silent'] as const)('a change at a daemon that is %s goes on with the same id', async (mood) => {
  moods['p1'] = mood;
  expect((await client({ deadlineMs: 2_000 }).pools.createPool({ prefix: 'x' })).pool?.id).toBe('p2');
  expect(heard.map(({ node }) => node)).toEqual(['p1', 'p2']);
  expect(new Set(heard.map(({ requestId }) => requestId)).size).toBe(1);
  expect(heard[0]?.requestId).toMatch(/^[0-9a-f-]{36}$/);
});

test('a request id of the caller is kept', async () => {
  await client().pools.createPool({ prefix: 'x', change: { requestId: 'mine' } });
  expect(heard).toEqual([{ node: 'p1', requestId: 'mine' }]);
});

test('a refusal is an answer: nobody else is asked', async () => {
  moods['p1'] = 'refusing';
  expect(await thrownBy(client().pools.getPool({ pool: 'a' }))).toBeInstanceOf(Refused);
  expect(heard).toHaveLength(1);
});

test('a daemon that takes no more of a kind is not asked for it again before, and then it is [S4]', async () => {
  moods['p1'] = 'resting';
  const { pools } = client();
  const refusals = [];
  for (let left = 3; left > 0; left -= 1) refusals.push(await thrownBy(pools.getPool({ pool: 'a' })));
  expect(refusals).toMatchObject(Array(3).fill({ refusal: { refused: 'busy', message: 'no more', restMs: 300 } }));
  expect(heard).toHaveLength(1);
  moods['p1'] = 'well';
  expect((await pools.createPool({ prefix: 'x' })).pool?.id).toBe('p1');
  const asked = async () => (await pools.getPool({ pool: 'a' }).catch(() => undefined))?.pool?.id;
  expect(await eventually(asked, 5_000)).toBe('p1');
});

test('a change that nobody answered is pending, a read is not', async () => {
  moods['p1'] = 'silent';
  moods['p2'] = 'away';
  const { pools } = client({ deadlineMs: 200 });
  expect(await thrownBy(pools.createPool({ prefix: 'x' }))).toMatchObject({ code: 'pending' });
  expect(await thrownBy(pools.getPool({ pool: 'x' }))).toMatchObject({ code: 'deadline' });
});

test('a change that reached no store is unavailable', async () => {
  moods['p1'] = 'away';
  moods['p2'] = 'away';
  expect(await thrownBy(client().pools.createPool({ prefix: 'x' }))).toMatchObject({ code: 'unavailable' });
});

test('a daemon picked by name is the only one asked', async () => {
  expect((await client().at('p2').status.getStatus({})).nodeId).toBe('p2');
  expect(await thrownBy(client({ node: 'p0' }).status.getStatus({}))).toMatchObject({ code: 'unavailable' });
  expect(() => client({ node: 'p9' })).toThrow('p1, p2');
});

test('a stream begins again at the next daemon', async () => {
  moods['p1'] = 'away';
  const got: string[] = [];
  for await (const { pendingNodeIds } of client().status.waitApplied({})) got.push(...pendingNodeIds);
  expect(got).toEqual(['p2']);
});

test('a stream of requests stays with one daemon: another would miss what the first has taken', async () => {
  const one = async function* () {
    yield { calls: [] };
  };
  const answers = async (from: Client): Promise<number> => {
    let count = 0;
    for await (const _ of from.allocations.allocateMany(one())) count += 1;
    return count;
  };
  expect(await answers(client().at('p2'))).toBe(1);
  expect(await thrownBy(answers(client()))).toMatchObject({ code: 'unavailable' });
});

test('an expired certificate is told before anything is sent', async () => {
  const past = { now: new Date(Date.now() - 7_200_000), validForMs: 3_600_000 };
  pem('old', await issueAdminCertificate(ca, 'ada', past));
  const file = join(folder, 'old.json');
  writeFileSync(
    file,
    contextText([{ node: 'p1', address: '127.0.0.1:1' }], { certificate: 'old.pem', key: 'old.key' }),
  );
  expect(() => openClient(readContext(file))).toThrow('its certificate ended at');
});

test.each([
  ['no JSON', '{', 'is not JSON'],
  ['no object', '7', 'is not an object'],
  ['no daemons', contextText([]), 'daemons'],
  ['a daemon without address', contextText([{ node: 'p1' }]), 'daemons'],
  ['a null for a daemon', contextText([null]), 'daemons'],
  ['no key', contextText([{ node: 'p1', address: 'x' }], { key: '' }), 'key'],
])('a context with %s is told', (_, text, problem) => {
  const file = join(folder, 'bad.json');
  writeFileSync(file, text);
  expect(() => readContext(file)).toThrow(problem);
});

const labs = mkdtempSync(join(folder, 'runtime-'));
function lab(name: string, pid: number, minutesOld: number): void {
  mkdirSync(join(labs, 'pop44', name), { recursive: true });
  const file = join(labs, 'pop44', name, 'context.json');
  writeFileSync(file, contextText([{ node: 'p1', address: 'x' }], { lab: name, pid, namespaces: ['host'] }));
  const at = Date.now() / 1_000 - minutesOld * 60;
  utimesSync(file, at, at);
}

test('the newest living lab is found, or the one that is named', () => {
  lab('old', process.pid, 10);
  lab('new', process.pid, 5);
  // Above the largest pid that Linux gives (proc(5): pid_max is at most 2^22).
  lab('dead', 2 ** 22 + 1, 0);
  const env = { XDG_RUNTIME_DIR: labs };
  expect(findContext({ env, uid }).lab).toBe('new');
  expect(findContext({ env: { ...env, POP44_LAB: 'old' }, uid }).lab).toBe('old');
  expect(findContext({ env: { ...env, POP44_CONTEXT: contextFile }, uid }).lab).toBeUndefined();
  expect(findContext({ file: contextFile, env: { ...env, POP44_LAB: 'old' }, uid }).file).toBe(contextFile);
  expect(() => findContext({ env: { ...env, POP44_LAB: 'none' }, uid })).toThrow('no lab none (running: new, old)');
  expect(() => findContext({ env: { ...env, POP44_LAB: '../x' }, uid })).toThrow("no lab's name");
});

test('without a lab the cure is told', () => {
  expect(() => findContext({ env: { XDG_RUNTIME_DIR: folder }, uid })).toThrow('npm start');
});
