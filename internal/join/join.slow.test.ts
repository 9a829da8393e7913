import { randomBytes } from 'node:crypto';
import { connect } from 'node:tls';
import { create, toBinary } from '@bufbuild/protobuf';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { realClock } from '#internal/clock/clock.ts';
import { Fault, refuse } from '#internal/errors/errors.ts';
import { JoinGrantSchema, type JoinRequest, JoinRequestSchema } from '#internal/gen/pop44/v1/join_pb.ts';
import {
  certificateHash,
  certificatesOf,
  createCa,
  issueNodeCertificate,
  type Ticket,
} from '#internal/identity/identity.ts';
import { createLog } from '#internal/log/log.ts';
import { Refused } from '#internal/rpc/rpc.ts';
import { frame } from './exchange.ts';
import { askToJoin, type JoinListener, listenForJoins } from './join.ts';

const validity = { now: new Date(), validForMs: 3_600_000 };
const ca = await createCa('join', validity);
const heard: JoinRequest[] = [];
let outcome: () => Promise<ReturnType<typeof grantOf>>;
const grantOf = () => create(JoinGrantSchema, { certificate: 'PEM', progressNotifyMs: 500 });
let listener: JoinListener;
let port = 0;

beforeAll(async () => {
  const { certificatePem, privateKeyPem } = await issueNodeCertificate(ca, { id: 'p1', addresses: [] }, validity);
  listener = await listenForJoins({
    listen: ['127.0.0.1:0'],
    identity: { certificate: certificatePem, key: privateKeyPem, authority: ca.certificatePem },
    join: async (request) => {
      heard.push(request);
      return outcome();
    },
    // Each look at the clock is a minute later: this is not about how often one may knock.
    clock: { ...realClock, monotonicMs: () => (minutes += 60_000) },
    log: createLog({}, 'silent'),
  });
  [port = 0] = listener.ports;
});
let minutes = 0;
afterAll(() => listener.close());

const ticket = (rest: Partial<Ticket> = {}): Ticket => ({
  ...{ nodeId: 'p4', tokenId: 'a'.repeat(16), secret: randomBytes(32), addresses: [`p1@127.0.0.1:${port}`] },
  authorityHash: Buffer.concat(certificatesOf(ca.certificatePem).map(certificateHash)),
  ...rest,
});

test('a request arrives whole, and the answer comes back as it was given [S6]', async () => {
  outcome = async () => grantOf();
  const grant = await askToJoin(ticket(), { nodeId: 'p4', secret: randomBytes(32) });
  expect(grant).toMatchObject({ certificate: 'PEM', progressNotifyMs: 500 });
  expect(heard.at(-1)?.nodeId).toBe('p4');
  outcome = async () => {
    throw new Refused(refuse('used', { field: 'token', problem: 'was used', cure: 'another' }));
  };
  await expect(askToJoin(ticket(), {})).rejects.toMatchObject({ refusal: { refused: 'used' } });
  outcome = async () => {
    throw new Fault('unavailable', 'the store is away');
  };
  await expect(askToJoin(ticket(), {})).rejects.toThrow('the store is away');
  outcome = async () => {
    throw new TypeError('a secret thought');
  };
  await expect(askToJoin(ticket(), {})).rejects.not.toThrow('a secret thought');
});

test('who pins another CA, or expects another node, says nothing to it [S6]', async () => {
  outcome = async () => grantOf();
  const before = heard.length;
  await expect(askToJoin(ticket({ authorityHash: randomBytes(32) }), {})).rejects.toThrow('another one');
  await expect(askToJoin(ticket({ addresses: [`p2@127.0.0.1:${port}`] }), {})).rejects.toThrow('p2.node.pop44');
  expect(heard.length).toBe(before);
});

/** Sends the bytes in parts of this size, and gives how many came back until the end. */
const said = (bytes: Buffer, part = bytes.length): Promise<number> =>
  new Promise((resolve) => {
    let count = 0;
    const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false }, () => {
      for (let at = 0; at < bytes.length; at += part) socket.write(bytes.subarray(at, at + part));
      socket.end();
    });
    socket.on('data', (chunk: Buffer) => {
      count += chunk.length;
    });
    socket.on('error', () => undefined);
    socket.on('close', () => resolve(count));
  });

test('whatever is sent there, it is answered in our words or not at all, and the port stays up [S6]', async () => {
  outcome = async () => grantOf();
  const right = frame(toBinary(JoinRequestSchema, create(JoinRequestSchema, { nodeId: 'p4' })));
  expect(await said(right, 1)).toBeGreaterThan(0);
  expect(await said(Buffer.concat([right, Buffer.from('x')]))).toBe(0);
  expect(await said(right.subarray(0, -1))).toBe(0);
  expect(await said(frame(randomBytes(4_097)))).toBe(0);
  expect(await said(Buffer.from([0xff, 0xff, 0xff, 0xff]))).toBe(0);
  expect(await said(Buffer.from('GET / HTTP/1.1\r\n\r\n'))).toBe(0);
  const before = heard.length;
  for (let turn = 0; turn < 300; turn += 1) await said(randomBytes(1 + (turn % 60)));
  for (let turn = 0; turn < 100; turn += 1) await said(frame(randomBytes(turn)));
  expect(heard.length - before).toBeLessThan(400);
  expect((await askToJoin(ticket(), {})).certificate).toBe('PEM');
}, 60_000);
