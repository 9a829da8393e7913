// Frames: what says on an Ethernet who holds an address now, byte by byte. Pure.

import { addressNumber, familyOf, parseAddress } from '#internal/netip/netip.ts';
import { demand } from '#internal/driver/driver.ts';

const etherTypes = { 4: 0x0806, 6: 0x86dd } as const;
const broadcast = Buffer.alloc(6, 0xff);
/** ff02::1, all nodes of the link, and the Ethernet address that goes with it (RFC 2464 7). */
const allNodes = Buffer.from('ff020000000000000000000000000001', 'hex');
const allNodesEther = Buffer.from('333300000001', 'hex');
const icmpv6 = 58;
/** RFC 4861 7.1.2: what has another was sent from beyond the link. */
const oneHop = 255;
/** RFC 4861 4.4: neither asked for nor a router's, and it overrides what is known. */
const override = 0x20000000;

const macBytes = (mac: string): Buffer => {
  demand(/^([0-9a-f]{2}:){5}[0-9a-f]{2}$/.test(mac), 'an Ethernet address', mac);
  return Buffer.from(mac.replaceAll(':', ''), 'hex');
};

function addressBytes(address: string): { readonly family: 4 | 6; readonly bytes: Buffer } {
  const parsed = parseAddress(address);
  if (typeof parsed !== 'string') throw new RangeError(`${address} is no address`);
  const family = familyOf(parsed);
  const digits = addressNumber(parsed)
    .toString(16)
    .padStart(family === 4 ? 8 : 32, '0');
  return { family, bytes: Buffer.from(digits, 'hex') };
}

const words = (...values: readonly number[]): Buffer => {
  const bytes = Buffer.alloc(2 * values.length);
  for (const [at, value] of values.entries()) bytes.writeUInt16BE(value, 2 * at);
  return bytes;
};

/** RFC 5227 2.3, an announcement: a request for the address that one has oneself (RFC 826: whoever knows it learns anew). */
function arp(mac: Buffer, address: Buffer): Buffer {
  return Buffer.concat([words(1, 0x0800, 0x0604, 1), mac, address, Buffer.alloc(6), address]);
}

/** RFC 1071 4.1. */
function checksum(bytes: Buffer): number {
  let sum = 0;
  for (let at = 0; at < bytes.length; at += 2) sum += bytes.readUInt16BE(at);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

/** RFC 4861 7.2.6: an advertisement that nobody has asked for, with the Ethernet address as its option. */
function advertisement(mac: Buffer, address: Buffer): Buffer {
  const header = Buffer.alloc(8);
  header.writeUInt8(136, 0);
  header.writeUInt32BE(override, 4);
  const message = Buffer.concat([header, address, Buffer.from([2, 1]), mac]);
  const length = message.length;
  // RFC 8200 8.1: addresses, length and next header are summed up too.
  message.writeUInt16BE(checksum(Buffer.concat([address, allNodes, words(0, length, 0, icmpv6), message])), 2);
  const ip = Buffer.concat([words(0x6000, 0, length), Buffer.from([icmpv6, oneHop]), address, allNodes]);
  return Buffer.concat([ip, message]);
}

/** To everybody on the LAN: this address is at this Ethernet address now. @throws Fault `invalid` */
export function announcement(mac: string, address: string): Buffer {
  const { family, bytes } = addressBytes(address);
  const own = macBytes(mac);
  const [to, payload] = family === 4 ? [broadcast, arp(own, bytes)] : [allNodesEther, advertisement(own, bytes)];
  return Buffer.concat([to, own, words(etherTypes[family]), payload]);
}
