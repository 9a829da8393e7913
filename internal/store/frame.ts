// Frame: a length, a checksum and a payload; a file of them can be cut anywhere and is read up to the cut.

import { crc32 } from 'node:zlib';

const headBytes = 8;

export function frame(payload: Uint8Array): Buffer {
  const head = Buffer.alloc(headBytes);
  head.writeUInt32LE(payload.length, 0);
  head.writeUInt32LE(crc32(payload), 4);
  return Buffer.concat([head, payload]);
}

export interface Frames {
  readonly payloads: readonly Buffer[];
  /** Bytes up to the first that cannot be believed. */
  readonly soundBytes: number;
}

export function readFrames(file: Buffer): Frames {
  const payloads: Buffer[] = [];
  let at = 0;
  while (at + headBytes <= file.length) {
    const length = file.readUInt32LE(at);
    // No payload is empty; a file that lost its end to a power failure may read as zeros.
    if (length === 0) break;
    const from = at + headBytes;
    const end = from + length;
    const payload = file.subarray(from, end);
    if (end > file.length || crc32(payload) !== file.readUInt32LE(at + 4)) break;
    payloads.push(payload);
    at = end;
  }
  return { payloads, soundBytes: at };
}
