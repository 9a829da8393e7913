// Echo server: answers nothing with nothing. Its identity comes as a line of JSON, its port goes out as one.

import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { handleUnaryCall } from '@grpc/grpc-js';
import type { Identity } from '#internal/rpc/rpc.ts';
import { listen, newServer, serverCredentials } from '#internal/rpc/rpc.ts';
import { echoPath, empty } from './echo.ts';

const [line] = (await once(createInterface({ input: process.stdin }), 'line')) as [string];
const server = newServer();
const answer: handleUnaryCall<object, object> = (_call, callback) => callback(null, {});
server.register<object, object>(echoPath, answer, empty, () => ({}), 'unary');
const { ports } = await listen(server, ['127.0.0.1:0'], serverCredentials(JSON.parse(line) as Identity));
process.stdout.write(`${ports[0]}\n`);
