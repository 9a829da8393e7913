// ICMP echo: requests as a client of a tunnel sends them (RFC 792), and whom a reply is for.

export interface Echo {
  /** 16 bits each. */
  readonly id: number;
  readonly sequence: number;
}

const ipBytes = 20;
const icmpBytes = 8;
const totalBytes = ipBytes + icmpBytes;
const icmp = 1;
const hops = 64;
const request = 8;
const reply = 0;

/** RFC 1071, of an even number of bytes. */
function checksum(bytes: Buffer): number {
  let sum = 0;
  for (let at = 0; at < bytes.length; at += 2) sum += bytes.readUInt16BE(at);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

/** An IPv4 packet. @param from, to dotted @param bytes its length, even, 28 to 65,534; default 28 */
export function echoRequest(from: string, to: string, { id, sequence }: Echo, bytes = totalBytes): Buffer {
  const packet = Buffer.alloc(bytes);
  packet.writeUInt8(0x45, 0);
  packet.writeUInt16BE(bytes, 2);
  packet.writeUInt8(hops, 8);
  packet.writeUInt8(icmp, 9);
  packet.set(from.split('.').map(Number), 12);
  packet.set(to.split('.').map(Number), 16);
  packet.writeUInt16BE(checksum(packet.subarray(0, ipBytes)), 10);
  packet.writeUInt8(request, ipBytes);
  packet.writeUInt16BE(id, ipBytes + 4);
  packet.writeUInt16BE(sequence, ipBytes + 6);
  packet.writeUInt16BE(checksum(packet.subarray(ipBytes)), ipBytes + 2);
  return packet;
}

/** Of an IP packet, which may be padded; undefined: it is no reply. */
export function echoReply(packet: Buffer): Echo | undefined {
  if (packet.length < totalBytes || packet[0] !== 0x45 || packet[9] !== icmp || packet[ipBytes] !== reply)
    return undefined;
  return { id: packet.readUInt16BE(ipBytes + 4), sequence: packet.readUInt16BE(ipBytes + 6) };
}
