// ACME server: Pebble, on loopback ports: it asks names for challenges, and refuses a good nonce now and then. It keeps
// nothing: after a restart it knows nobody, and signs with another root.

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { realClock } from '#internal/clock/clock.ts';
import { type Kept, keep } from '#internal/exec/exec.ts';
import { createCa, issueWebCertificate } from '#internal/identity/identity.ts';
import { freePorts } from './etcd.ts';
import { eventually } from './eventually.ts';

export interface AcmeServer extends AsyncDisposable {
  /** URL of its directory. */
  readonly directory: string;
  /** PEM file of who signs for it itself. */
  readonly caFile: string;
  /** PEM of the root of what it signs. */
  root(): Promise<string>;
  /** What it answers when it is asked for advice on a certificate (RFC 9773): JSON, or anything else. */
  advise(certificatePem: string, answer: string): Promise<void>;
  /** Lines that it has written, since the last start. */
  readonly lines: readonly string[];
  stop(): Promise<void>;
  start(): Promise<void>;
}

/** @param httpPort where it asks names, in place of port 80 */
export async function startAcmeServer(program: string, httpPort: number): Promise<AcmeServer> {
  const folder = await mkdtemp(join(tmpdir(), 'pop44-acme-server-'));
  const at = (name: string): string => join(folder, name);
  const [port = 0, managementPort = 0, tlsPort = 0] = await freePorts(3);
  const validity = { now: realClock.wall(), validForMs: 3600_000 };
  const ca = await createCa('test', validity);
  const names = { name: 'acme', hosts: ['localhost'], addresses: ['127.0.0.1'] };
  const own = await issueWebCertificate(ca, names, validity);
  await writeFile(at('ca.pem'), ca.certificatePem);
  await writeFile(at('own.pem'), own.certificatePem);
  await writeFile(at('own.key'), own.privateKeyPem, { mode: 0o600 });
  const pebble = {
    listenAddress: `127.0.0.1:${port}`,
    managementListenAddress: `127.0.0.1:${managementPort}`,
    certificate: at('own.pem'),
    privateKey: at('own.key'),
    ...{ httpPort, tlsPort, keyAlgorithm: 'ecdsa', retryAfter: { authz: 1, order: 1 } },
  };
  await writeFile(at('config.json'), JSON.stringify({ pebble }));
  const lines: string[] = [];
  let child: Kept | undefined;

  function manage(path: string, body?: string): Promise<string> {
    return new Promise((resolve, reject) => {
      const method = body === undefined ? 'GET' : 'POST';
      const asked = request(
        `https://localhost:${managementPort}${path}`,
        { method, ca: ca.certificatePem, headers: { 'user-agent': 'test' } },
        (response) => {
          let text = '';
          response.setEncoding('utf8').on('data', (part: string) => (text += part));
          response.on('end', () =>
            response.statusCode === 200 ? resolve(text) : reject(new Error(`${path}: ${text}`)),
          );
        },
      );
      asked.on('error', reject);
      asked.end(body);
    });
  }

  async function start(): Promise<void> {
    lines.length = 0;
    let exit: string | undefined;
    child = await keep({
      file: program,
      args: ['-config', at('config.json'), '-strict'],
      env: { PEBBLE_VA_NOSLEEP: '1', PEBBLE_WFE_NONCEREJECT: '20', PEBBLE_CHAIN_LENGTH: '2' },
      onStdout: (line) => lines.push(line),
      onStderr: (line) => lines.push(line),
      onExit: (reason) => (exit = reason),
    });
    await eventually(() => {
      if (exit !== undefined) throw new Error(`${exit}: ${lines.join('\n')}`);
      return manage('/roots/0');
    }, 20_000);
  }

  const stop = async (): Promise<void> => {
    await child?.stop();
    child = undefined;
  };
  const dispose = async (): Promise<void> => {
    await stop();
    await rm(folder, { recursive: true, force: true });
  };
  try {
    await start();
  } catch (thrown) {
    await dispose();
    throw thrown;
  }
  return {
    directory: `https://localhost:${port}/dir`,
    caFile: at('ca.pem'),
    root: () => manage('/roots/0'),
    async advise(certificatePem, answer) {
      await manage('/set-renewal-info/', JSON.stringify({ Certificate: certificatePem, ARIResponse: answer }));
    },
    ...{ lines, stop, start },
    [Symbol.asyncDispose]: dispose,
  };
}
