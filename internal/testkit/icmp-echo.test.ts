import { expect, test } from 'vitest';
import { echoReply, echoRequest } from './icmp-echo.ts';

/** RFC 791 and 792, written out by another program. */
const real = '4500001c000000004001f1dd0a0100027f00000108000d3bea8b0039';

test('a request is what others send, and is no reply; a reply names its request', () => {
  const packet = echoRequest('10.1.0.2', '127.0.0.1', { id: 0xea8b, sequence: 0x39 });
  const sum = (bytes: Buffer): number => {
    let all = 0;
    for (let at = 0; at < bytes.length; at += 2) all += bytes.readUInt16BE(at);
    return (all & 0xffff) + (all >>> 16);
  };
  expect([sum(packet.subarray(0, 20)), sum(packet.subarray(20))]).toEqual([0xffff, 0xffff]);
  expect(packet.toString('hex')).toBe(real);
  expect(echoReply(packet)).toBeUndefined();
  packet[20] = 0;
  expect(echoReply(Buffer.concat([packet, Buffer.alloc(4)]))).toEqual({ id: 0xea8b, sequence: 0x39 });
  expect(echoReply(packet.subarray(0, 24))).toBeUndefined();
});
