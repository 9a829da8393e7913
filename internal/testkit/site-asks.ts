// Site asks: requests to pop44-web by hand, as no browser would send them.

import type { IncomingHttpHeaders } from 'node:http';
import { request } from 'node:https';
import { goodPassword } from './accounts.ts';
import type { WebScene } from './web-scene.ts';

export interface Said {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

interface Asked {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly socketPath?: string;
}

export interface SiteAsks {
  ask(path: string, options?: Asked): Promise<Said>;
  /** What a browser has once it has seen a page with a form. */
  visited(path?: string): Promise<{ readonly cookie: string; readonly token: string; readonly text: string }>;
  post(
    path: string,
    fields: Readonly<Record<string, string>>,
    headers: Readonly<Record<string, string>>,
  ): Promise<Said>;
  /** What a form of the site's own bears besides its fields, and its token, of an account that is there. */
  logIn(name: string): Promise<{ readonly headers: Readonly<Record<string, string>>; readonly token: string }>;
}

export const formType = 'application/x-www-form-urlencoded';

/** An account that is let in. */
export async function newAccount({ client, mails }: WebScene, callsign: string, email: string): Promise<void> {
  await client.people.signUp({ callsign, email, password: goodPassword });
  await client.people.verify({ secret: await mails.secretTo(email, 'confirm your address') });
  await client.people.approveUser({ user: callsign });
}

/**
 * @param scene asked at each request: a test may put another in its place
 * @param source of each request, where the scene trusts a proxy at 127.0.0.1
 */
export function siteAsks(
  scene: () => WebScene,
  kind: 'public' | 'console' = 'public',
  source?: () => string,
): SiteAsks {
  const url = (): string => (kind === 'public' ? scene().publicUrl : scene().consoleUrl);

  function ask(path: string, options: Asked = {}): Promise<Said> {
    const { body, method = 'GET', headers: given = {}, socketPath } = options;
    const headers = { ...(source && { 'x-forwarded-for': source() }), ...given };
    return new Promise((resolve, reject) => {
      const around = { method, headers, ca: scene().ca, ...(socketPath !== undefined && { socketPath }) };
      const sent = request(`${url()}${path}`, around, (response) => {
        const parts: Buffer[] = [];
        response.on('data', (part: Buffer) => parts.push(part));
        response.on('end', () =>
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            text: Buffer.concat(parts).toString('utf8'),
          }),
        );
      });
      sent.on('error', reject);
      sent.end(body);
    });
  }

  async function visited(path = '/login') {
    const { headers, text } = await ask(path);
    const cookie = headers['set-cookie']?.[0]?.split(';')[0] ?? '';
    const token = /name="token" value="([^"]+)"/.exec(text)?.[1] ?? '';
    return { cookie, token, text };
  }

  function post(
    path: string,
    fields: Readonly<Record<string, string>>,
    headers: Readonly<Record<string, string>>,
  ): Promise<Said> {
    const body = new URLSearchParams(fields).toString();
    return ask(path, { method: 'POST', body, headers: { 'content-type': formType, ...headers } });
  }

  return {
    ...{ ask, visited, post },
    async logIn(name) {
      const { cookie, token } = await visited();
      const fields = { token, name, password: goodPassword };
      const { headers } = await post('/login', fields, { origin: url(), cookie });
      const login = headers['set-cookie']?.map((each) => each.split(';')[0]) ?? [];
      return { headers: { origin: url(), cookie: [cookie, ...login].join('; ') }, token };
    },
  };
}
