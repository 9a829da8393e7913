// Plain: what is answered by HTTP: a CA's challenge, and for everybody else the way to HTTPS.

import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { challengeAnswer } from '#internal/acme/acme.ts';

/** Whether it was a challenge, which is answered then. */
function answersChallenge(thumbprint: string, { method, url }: IncomingMessage, response: ServerResponse): boolean {
  const answer = method === 'GET' ? challengeAnswer(url ?? '', thumbprint) : undefined;
  if (answer === undefined) return false;
  // RFC 8555 8.3.
  response
    .writeHead(200, { 'content-type': 'application/octet-stream', 'x-content-type-options': 'nosniff' })
    .end(answer);
  return true;
}

/** A CA comes by HTTPS too where something before us leads it there. */
export function beforeSite(thumbprint: string, site: RequestListener): RequestListener {
  return (request, response) => {
    if (!answersChallenge(thumbprint, request, response)) site(request, response);
  };
}

/** @param names the first is where one is led that names none of them */
export function plainSite(thumbprint: string, names: readonly string[]): RequestListener {
  return (request, response) => {
    if (answersChallenge(thumbprint, request, response)) return;
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      // What was sent has already been sent in clear: no browser is to send it again without a word.
      response.writeHead(405, { allow: 'GET, HEAD', connection: 'close' }).end();
      return;
    }
    const asked = (request.headers.host ?? '').toLowerCase().replace(/:\d+$/, '');
    const name = names.includes(asked) ? asked : (names[0] ?? '');
    // Who speaks to a proxy asks for a whole URL. What a header could not hold Node's parser refuses.
    const path = request.url?.startsWith('/') === true ? request.url : '/';
    response.writeHead(308, { location: `https://${name}${path}`, 'content-length': 0 }).end();
  };
}
