// A small HTTP server, run as a program on the internet's host and on the client: it tells every caller the address
// that the call came from. Usage: web-server.ts PORT

import { createServer } from 'node:http';

const port = Number(process.argv[2]);
createServer((request, response) => {
  // Dual stack: an IPv4 caller shows as ::ffff:192.0.2.1 (RFC 4291 2.5.5.2).
  const caller = (request.socket.remoteAddress ?? '').replace(/^::ffff:/, '');
  response.end(`${JSON.stringify({ caller })}\n`);
}).listen(port, '::');
