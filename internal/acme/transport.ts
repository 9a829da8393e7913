// Transport: one request by HTTPS to an ACME server, with a deadline and a bound on what comes back.

import { Agent, request } from 'node:https';
import { rootCertificates } from 'node:tls';
import { Fault, messageOf } from '#internal/errors/errors.ts';

export interface Sent {
  readonly method: 'GET' | 'HEAD' | 'POST';
  /** Of a POST: JSON that is signed. */
  readonly body?: string;
  readonly accept?: string;
}

export interface Received {
  readonly status: number;
  /** By their names in small letters. */
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly text: string;
}

export interface Transport {
  /** @throws Fault `acme` with the host */
  send(url: string, sent: Sent): Promise<Received>;
  close(): void;
}

/** A chain has 4 to 10 KiB. */
const mostBytes = 256 * 1024;
const deadlineMs = 30_000;
/** RFC 8555 6.1 wants one. */
const userAgent = 'pop44-web';

/**
 * @param extraCa PEM of CAs that are trusted besides the public ones, for this server alone
 * @param signal ends what is under way
 */
export function openTransport(extraCa: string | undefined, signal: AbortSignal): Transport {
  const agent = new Agent({
    keepAlive: true,
    maxSockets: 2,
    minVersion: 'TLSv1.2',
    ...(extraCa === undefined ? {} : { ca: [...rootCertificates, extraCa] }),
  });
  return {
    send: (url, sent) =>
      new Promise((resolve, reject) => {
        const where = httpsUrl(url);
        const failed = (cause: unknown): void => reject(new Fault('acme', `${where.host}: ${messageOf(cause)}`, cause));
        const limit = AbortSignal.any([signal, AbortSignal.timeout(deadlineMs)]);
        const asked = request(where, {
          method: sent.method,
          agent,
          signal: limit,
          headers: {
            'user-agent': userAgent,
            ...(sent.accept === undefined ? {} : { accept: sent.accept }),
            ...(sent.body === undefined
              ? {}
              : { 'content-type': 'application/jose+json', 'content-length': Buffer.byteLength(sent.body) }),
          },
        });
        asked.on('error', (error) => failed(limit.aborted ? limit.reason : error));
        asked.on('response', (response) => {
          const chunks: Buffer[] = [];
          let bytes = 0;
          response.on('error', failed);
          response.on('data', (chunk: Buffer) => {
            bytes += chunk.length;
            if (bytes > mostBytes) response.destroy(new Error(`answers with more than ${mostBytes} bytes`));
            else chunks.push(chunk);
          });
          response.on('end', () =>
            resolve({
              status: response.statusCode ?? 0,
              headers: response.headers,
              text: Buffer.concat(chunks).toString(),
            }),
          );
        });
        asked.end(sent.body);
      }),
    close: () => agent.destroy(),
  };
}

function httpsUrl(url: string): URL {
  if (!URL.canParse(url) || new URL(url).protocol !== 'https:')
    throw new Fault('acme', `${JSON.stringify(url)} is no https URL (the server names it)`);
  return new URL(url);
}
