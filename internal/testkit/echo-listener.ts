// Echo listener: a service of the host's own that answers everybody, by TCP and by UDP, on every address. Run as a
// program: echo-listener.ts PORT

import { createSocket } from 'node:dgram';
import { createServer } from 'node:net';

const port = Number(process.argv[2]);
createServer((socket) => socket.end('here\n')).listen(port, '::');
// Not to fall over one that has gone already.
const socket = createSocket('udp6');
socket.on('error', () => {});
socket.on('message', (_, from) => socket.send('here\n', from.port, from.address));
socket.bind(port, '::', () => process.stdout.write('listening\n'));
