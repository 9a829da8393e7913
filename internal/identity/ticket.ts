// Ticket: what a person carries to a new machine so that it may join once: a secret, and the CA and the addresses by which the
// machine knows that it speaks to its network.

import { createHash } from 'node:crypto';

export interface Ticket {
  readonly nodeId: string;
  readonly tokenId: string;
  /** 32 bytes. */
  readonly secret: Buffer;
  /** SHA-256 of the CA's certificate, 32 bytes. */
  readonly authorityHash: Buffer;
  /** `host:port` where joins are taken, in the order in which they are tried. */
  readonly addresses: readonly string[];
}

const mark = 'pop44-join:';
/** Bytes at the end: a character lost in copying is told from a token that nobody knows. */
const checkBytes = 4;
/** Characters; 20 addresses fit. */
const longest = 2_048;

const checksum = (body: Buffer): Buffer => createHash('sha256').update(body).digest().subarray(0, checkBytes);

/** One line of printable text. */
export function ticketText({ nodeId, tokenId, secret, authorityHash, addresses }: Ticket): string {
  const fields = [nodeId, tokenId, secret.toString('base64url'), authorityHash.toString('base64url'), ...addresses];
  const body = Buffer.from(fields.join(' '));
  return `${mark}${Buffer.concat([body, checksum(body)]).toString('base64url')}`;
}

const bytes32 = (text: string): Buffer | undefined => {
  const bytes = Buffer.from(text, 'base64url');
  return bytes.length === 32 ? bytes : undefined;
};

/** Undefined when it is garbled. White space around it is nothing. */
export function readTicket(text: string): Ticket | undefined {
  const line = text.trim();
  if (!line.startsWith(mark) || line.length > longest || !/^[\w-]+$/.test(line.slice(mark.length))) return undefined;
  const bytes = Buffer.from(line.slice(mark.length), 'base64url');
  const body = bytes.subarray(0, -checkBytes);
  if (!checksum(body).equals(bytes.subarray(-checkBytes))) return undefined;
  const [nodeId = '', tokenId = '', secretText = '', hashText = '', ...addresses] = body.toString().split(' ');
  const [secret, authorityHash] = [bytes32(secretText), bytes32(hashText)];
  if (secret === undefined || authorityHash === undefined || addresses.length === 0) return undefined;
  if (!/^[a-z0-9-]{1,32}$/.test(nodeId) || !/^[0-9a-f]{16}$/.test(tokenId)) return undefined;
  return { nodeId, tokenId, secret, authorityHash, addresses };
}

/** What the network keeps of the secret. */
export const secretHash = (secret: Uint8Array): Buffer => createHash('sha256').update(secret).digest();
