// Noise: WireGuard's handshake and transport as a client speaks them (Noise_IKpsk2, www.wireguard.com/protocol), so that
// thousands of clients fit into one process. It initiates; noise-responder.ts answers a server that calls.

import {
  createCipheriv,
  createDecipheriv,
  createHash,
  createHmac,
  diffieHellman,
  type KeyObject,
  randomBytes,
} from 'node:crypto';
import { blake2s } from '@noble/hashes/blake2.js';
import { keyBytes, newPrivateKey, privateObject, publicBytes, publicObject } from '#internal/x25519/x25519.ts';

/** A static or ephemeral key pair. */
export interface NoiseKeys {
  readonly privateKey: KeyObject;
  /** 32 bytes. */
  readonly publicKey: Buffer;
}

/** What a session begins with: whom we call, who we are, and the pre-shared key if there is one. */
export interface Caller {
  readonly keys: NoiseKeys;
  /** The server's public key, 32 bytes. */
  readonly server: Buffer;
  /** 32 bytes; absent: zeros, as WireGuard has it. */
  readonly presharedKey?: Buffer;
}

export interface Initiation {
  /** 148 bytes to be sent. */
  readonly packet: Buffer;
  /** Takes the server's 92 bytes; undefined when they are not the answer to this initiation. */
  readonly answered: (response: Buffer) => Transport | undefined;
}

/** An established session. */
export interface Transport {
  /** The next transport packet with this IP packet in it; an empty one is a keepalive. */
  readonly seal: (inner: Buffer) => Buffer;
  /** The IP packet (with its padding) in a transport packet, or undefined when it is not of this session. */
  readonly open: (packet: Buffer) => Buffer | undefined;
}

export const messageType = { initiation: 1, response: 2, cookie: 3, transport: 4 } as const;
export const initiationBytes = 148;
export const responseBytes = 92;
const transportHeaderBytes = 16;
const tagBytes = 16;

export const hash = (...parts: readonly Uint8Array[]): Buffer => {
  const digest = createHash('blake2s256');
  for (const part of parts) digest.update(part);
  return digest.digest();
};
const hmac = (key: Uint8Array, ...parts: readonly Uint8Array[]): Buffer => {
  const digest = createHmac('blake2s256', key);
  for (const part of parts) digest.update(part);
  return digest.digest();
};

/** The protocol's KDFn: `count` keys out of the chaining key and an input. */
export function derive(chain: Buffer, input: Uint8Array, count: 1 | 2 | 3): readonly [Buffer, Buffer, Buffer] {
  const secret = hmac(chain, input);
  const first = hmac(secret, Uint8Array.of(1));
  const second = count > 1 ? hmac(secret, first, Uint8Array.of(2)) : first;
  const third = count > 2 ? hmac(secret, second, Uint8Array.of(3)) : second;
  return [first, second, third];
}

const nonce = (counter: bigint): Buffer => {
  const bytes = Buffer.alloc(12);
  bytes.writeBigUInt64LE(counter, 4);
  return bytes;
};

export function encrypt(key: Buffer, counter: bigint, plain: Uint8Array, bound: Uint8Array): Buffer {
  const cipher = createCipheriv('chacha20-poly1305', key, nonce(counter), { authTagLength: tagBytes });
  cipher.setAAD(bound, { plaintextLength: plain.length });
  return Buffer.concat([cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
}

export function decrypt(key: Buffer, counter: bigint, sealed: Buffer, bound: Uint8Array): Buffer | undefined {
  if (sealed.length < tagBytes) return undefined;
  const cipher = createDecipheriv('chacha20-poly1305', key, nonce(counter), { authTagLength: tagBytes });
  const plainBytes = sealed.length - tagBytes;
  cipher.setAAD(bound, { plaintextLength: plainBytes });
  cipher.setAuthTag(sealed.subarray(plainBytes));
  try {
    return Buffer.concat([cipher.update(sealed.subarray(0, plainBytes)), cipher.final()]);
  } catch {
    return undefined;
  }
}

export const agree = (privateKey: KeyObject, publicKey: Uint8Array): Buffer =>
  diffieHellman({ privateKey, publicKey: publicObject(publicKey) });

const keysOf = (privateBytes: Uint8Array): NoiseKeys => {
  const privateKey = privateObject(privateBytes);
  return { privateKey, publicKey: publicBytes(privateKey) };
};

export const newNoiseKeys = (): NoiseKeys => keysOf(newPrivateKey());

/** Of a private key as WireGuard writes it: 44 characters of base64. */
export const noiseKeysOf = (privateKey: string): NoiseKeys => keysOf(Buffer.from(privateKey, 'base64'));

export const initialChain = hash(Buffer.from('Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s'));
export const initialHash = hash(initialChain, Buffer.from('WireGuard v1 zx2c4 Jason@zx2c4.com'));
const mac1Label = Buffer.from('mac1----');
export const noPresharedKey = Buffer.alloc(keyBytes);

/** mac1 of a message's first bytes; `server` is the public key of the one who gets it. */
export const mac1 = (server: Uint8Array, bytes: Uint8Array): Uint8Array =>
  blake2s(bytes, { key: hash(mac1Label, server), dkLen: tagBytes });

/**
 * What somebody sends who knows the server's public key and nothing else: right in length, type and mac1, so that the
 * server does its Diffie-Hellman before it finds out.
 */
export function forgedInitiation(server: Uint8Array): Buffer {
  const packet = randomBytes(initiationBytes);
  packet.writeUInt32LE(messageType.initiation, 0);
  // Of X25519's field, as a real ephemeral key is (RFC 7748 5).
  packet[39] = (packet[39] ?? 0) & 0x7f;
  packet.set(mac1(server, packet.subarray(0, 116)), 116);
  packet.fill(0, 132);
  return packet;
}

/** TAI64N (cr.yp.to/libtai/tai64.html): a server takes only later ones from the same key. */
function timestamp(wallMs: number): Buffer {
  const bytes = Buffer.alloc(12);
  bytes.writeBigUInt64BE(0x400000000000000an + BigInt(Math.floor(wallMs / 1000)));
  bytes.writeUInt32BE(Math.floor((wallMs % 1000) * 1e6), 8);
  return bytes;
}

/** `index`: 32 bits that the server puts into whatever it sends to this session. */
export function initiate(caller: Caller, index: number, wallMs: number): Initiation {
  const { keys, server } = caller;
  const ephemeral = newNoiseKeys();
  const packet = Buffer.alloc(initiationBytes);
  packet[0] = messageType.initiation;
  packet.writeUInt32LE(index, 4);
  ephemeral.publicKey.copy(packet, 8);
  let digest = hash(hash(initialHash, server), ephemeral.publicKey);
  let [chain] = derive(initialChain, ephemeral.publicKey, 1);
  let key: Buffer;
  [chain, key] = derive(chain, agree(ephemeral.privateKey, server), 2);
  const sealedStatic = encrypt(key, 0n, keys.publicKey, digest);
  sealedStatic.copy(packet, 40);
  digest = hash(digest, sealedStatic);
  [chain, key] = derive(chain, agree(keys.privateKey, server), 2);
  const sealedTime = encrypt(key, 0n, timestamp(wallMs), digest);
  sealedTime.copy(packet, 88);
  digest = hash(digest, sealedTime);
  packet.set(mac1(server, packet.subarray(0, 116)), 116);
  const [begunChain, begunDigest] = [chain, digest];

  const answered = (response: Buffer): Transport | undefined => {
    if (response.length !== responseBytes || response[0] !== messageType.response) return undefined;
    if (response.readUInt32LE(8) !== index) return undefined;
    const theirs = response.subarray(12, 44);
    let [answerChain] = derive(begunChain, theirs, 1);
    [answerChain] = derive(answerChain, agree(ephemeral.privateKey, theirs), 1);
    [answerChain] = derive(answerChain, agree(keys.privateKey, theirs), 1);
    const [last, mixed, opening] = derive(answerChain, caller.presharedKey ?? noPresharedKey, 3);
    const bound = hash(hash(begunDigest, theirs), mixed);
    if (decrypt(opening, 0n, response.subarray(44, 60), bound) === undefined) return undefined;
    const [sending, receiving] = derive(last, Buffer.alloc(0), 2);
    return transport({ sending, receiving, index, remoteIndex: response.readUInt32LE(4) });
  };
  return { packet, answered };
}

interface TransportKeys {
  readonly sending: Buffer;
  readonly receiving: Buffer;
  readonly index: number;
  readonly remoteIndex: number;
}

const nothing = Buffer.alloc(0);

export function transport({ sending, receiving, index, remoteIndex }: TransportKeys): Transport {
  let counter = 0n;
  return {
    seal(inner) {
      const padded = Buffer.alloc(Math.ceil(inner.length / tagBytes) * tagBytes);
      inner.copy(padded);
      const header = Buffer.alloc(transportHeaderBytes);
      header[0] = messageType.transport;
      header.writeUInt32LE(remoteIndex, 4);
      header.writeBigUInt64LE(counter, 8);
      const packet = Buffer.concat([header, encrypt(sending, counter, padded, nothing)]);
      counter += 1n;
      return packet;
    },
    open(packet) {
      if (packet[0] !== messageType.transport || packet.length < transportHeaderBytes + tagBytes) return undefined;
      if (packet.readUInt32LE(4) !== index) return undefined;
      return decrypt(receiving, packet.readBigUInt64LE(8), packet.subarray(transportHeaderBytes), nothing);
    },
  };
}
