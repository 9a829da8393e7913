// Relay: a TCP port of 127.0.0.1 that leads to a unix socket, for tools that stand outside the lab.

import { connect, createServer } from 'node:net';
import type { Socket } from 'node:net';

export interface Relay {
  /** `127.0.0.1:40001` */
  readonly address: string;
  close(): void;
}

/** Listens on a free port. A connection is refused by ending it while nothing listens on the socket. */
export function openRelay(socketPath: string): Promise<Relay> {
  const open = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, (near) => {
    const far = connect({ path: socketPath, allowHalfOpen: true });
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ] as const) {
      open.add(socket);
      socket.on('error', () => other.destroy());
      socket.on('close', () => {
        open.delete(socket);
        other.destroySoon();
      });
    }
    near.pipe(far);
    far.pipe(near);
  });
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      const port = typeof address === 'object' && address !== null ? address.port : 0;
      resolve({
        address: `127.0.0.1:${port}`,
        close() {
          server.close();
          for (const socket of open) socket.destroy();
        },
      });
    });
  });
}
