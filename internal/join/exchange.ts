// Exchange: one message each way over a TLS socket, after its length in four bytes.

import type { TLSSocket } from 'node:tls';
import { Fault } from '#internal/errors/errors.ts';

const lengthBytes = 4;

export function frame(message: Uint8Array): Buffer {
  const length = Buffer.alloc(lengthBytes);
  length.writeUInt32BE(message.length);
  return Buffer.concat([length, message]);
}

/** @throws Fault `join` for more than `most` bytes, and for an end before the message is whole */
export async function readFrame(socket: TLSSocket, most: number): Promise<Buffer> {
  let seen = Buffer.alloc(0);
  for await (const chunk of socket.iterator({ destroyOnReturn: false })) {
    seen = Buffer.concat([seen, chunk as Buffer]);
    if (seen.length < lengthBytes) continue;
    const length = seen.readUInt32BE();
    if (length > most) throw new Fault('join', `a message of ${length} bytes, at most ${most} are read`);
    if (seen.length - lengthBytes > length) throw new Fault('join', 'more than one message');
    if (seen.length - lengthBytes === length) return seen.subarray(lengthBytes);
  }
  throw new Fault('join', 'the connection ended before the message was whole');
}
