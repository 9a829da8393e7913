// Echo: what an empty unary call costs on this machine, with the mutual TLS that every call of pop44 has: the most that
// any unary API in front of anything could reach.

import { fileURLToPath } from 'node:url';
import { Client } from '@grpc/grpc-js';
import { realClock } from '#internal/clock/clock.ts';
import { keep } from '#internal/exec/exec.ts';
import { createCa, issueAdminCertificate, issueNodeCertificate } from '#internal/identity/identity.ts';
import { clientCredentials, serverNameOf } from '#internal/rpc/rpc.ts';
import { perSecond } from './bare-store.ts';

export interface Echo extends AsyncDisposable {
  /** Empty calls a second that were answered, with so many in flight. */
  perSecond(inFlight: number, ms: number): Promise<number>;
}

export const echoPath = '/pop44.bench.Echo/Echo';
const node = 'echo';
const validForMs = 3_600_000;
export const empty = (): Buffer => Buffer.alloc(0);

/** In a process of its own. */
export async function startEcho(): Promise<Echo> {
  const validity = { now: realClock.wall(), validForMs };
  const ca = await createCa('bench', validity);
  const server = await issueNodeCertificate(ca, { id: node, addresses: [] }, validity);
  const admin = await issueAdminCertificate(ca, 'bench', validity);
  const port = Promise.withResolvers<string>();
  const child = await keep({
    file: process.execPath,
    args: [fileURLToPath(new URL('./echo-server.ts', import.meta.url))],
    onStdout: port.resolve,
    onExit: (reason) => port.reject(new Error(reason)),
  });
  const identity = { ca: ca.certificatePem, certificate: server.certificatePem, key: server.privateKeyPem };
  child.write(`${JSON.stringify(identity)}\n`);
  const credentials = clientCredentials({
    ca: ca.certificatePem,
    certificate: admin.certificatePem,
    key: admin.privateKeyPem,
  });
  const client = new Client(`127.0.0.1:${await port.promise}`, credentials, {
    'grpc.ssl_target_name_override': serverNameOf(node),
  });
  const once = (): Promise<void> =>
    new Promise((resolve, reject) => {
      client.makeUnaryRequest(echoPath, empty, empty, {}, (error) => {
        if (error === null) resolve();
        else reject(error);
      });
    });
  return {
    perSecond: (inFlight, ms) => perSecond(inFlight, ms, once),
    async [Symbol.asyncDispose]() {
      client.close();
      await child.stop();
    },
  };
}
