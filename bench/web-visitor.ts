// Web visitor: a person at pop44-web without a browser: its forms as they come, its cookies, and the work that a sign-up has
// to show. Comes by the socket that a proxy would, from an address of its own.

import { hash } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { request } from 'node:https';

interface Said {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

export interface WebVisitor {
  /** A page that answers JSON. */
  data<T>(path: string): Promise<T>;
  /** Sends the form of a page with all that is hidden in it; what came of it: where it leads. @throws unless it leads on */
  fill(page: string, action: string, fields: Readonly<Record<string, string>>): Promise<string>;
  /** The same, answered as JSON. */
  fillForData<T>(page: string, action: string, fields: Readonly<Record<string, string>>): Promise<T>;
}

const patienceMs = 30_000;
const host = 'localhost';

/** What a page of forms hides in them. */
const hiddenIn = (page: string): Readonly<Record<string, string>> =>
  Object.fromEntries(
    [...page.matchAll(/<input type="hidden" name="([a-z]+)" value="([^"]*)"/g)].map(([, name = '', value = '']) => [
      name,
      value,
    ]),
  );

/** The number that a sign-up's challenge wants (web/work.ts). Up to 31 bits; 2^bits hashes. */
function solved(page: string): string {
  const [, challenge = '', bits = '0'] = /name="challenge" value="([^"]+)" data-bits="(\d+)"/.exec(page) ?? [];
  for (let number = 0; ; number += 1)
    if (hash('sha256', `${challenge} ${number}`, 'buffer').readUInt32BE(0) < 2 ** (32 - Number(bits)))
      return String(number);
}

/** @param ca PEM of who signs the server's certificate */
export function webVisitor(socketPath: string, ca: Buffer, source: string): WebVisitor {
  const cookies = new Map<string, string>();

  function ask(path: string, more: Readonly<Record<string, string>>, body?: string): Promise<Said> {
    const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const headers = { host, 'x-forwarded-for': source, ...(cookie !== '' && { cookie }), ...more };
    const method = body === undefined ? 'GET' : 'POST';
    return new Promise((resolve, reject) => {
      const sent = request(
        { socketPath, servername: host, path, method, headers, ca, timeout: patienceMs },
        (answer) => {
          const parts: Buffer[] = [];
          answer.on('data', (part: Buffer) => parts.push(part));
          answer.on('end', () => {
            for (const set of answer.headers['set-cookie'] ?? []) {
              const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(set) ?? [];
              cookies.set(name, value);
            }
            resolve({
              status: answer.statusCode ?? 0,
              headers: answer.headers,
              text: Buffer.concat(parts).toString('utf8'),
            });
          });
        },
      );
      sent.on('timeout', () => sent.destroy(new Error(`${path}: no answer within ${patienceMs} ms`)));
      sent.on('error', reject);
      sent.end(body);
    });
  }

  async function got(path: string, more: Readonly<Record<string, string>> = {}): Promise<string> {
    const { status, text } = await ask(path, more);
    if (status !== 200) throw new Error(`${path}: status ${status}`);
    return text;
  }

  async function sent(
    page: string,
    action: string,
    fields: Readonly<Record<string, string>>,
    more: Readonly<Record<string, string>> = {},
  ): Promise<Said> {
    const text = await got(page);
    const answer = text.includes('name="challenge"') ? { answer: solved(text) } : {};
    const body = new URLSearchParams({ ...hiddenIn(text), ...answer, ...fields }).toString();
    const headers = { origin: `https://${host}`, 'content-type': 'application/x-www-form-urlencoded', ...more };
    const said = await ask(action, headers, body);
    if (said.status >= 400) throw new Error(`${action}: status ${said.status}`);
    return said;
  }

  const json = { accept: 'application/json' };
  return {
    data: async <T>(path: string) => JSON.parse(await got(path, json)) as T,
    async fill(page, action, fields) {
      const { status, headers } = await sent(page, action, fields);
      if (status !== 303) throw new Error(`${action}: status ${status}`);
      return headers.location ?? '';
    },
    fillForData: async <T>(page: string, action: string, fields: Readonly<Record<string, string>>) =>
      JSON.parse((await sent(page, action, fields, json)).text) as T,
  };
}
