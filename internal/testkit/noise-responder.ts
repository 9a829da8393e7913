// Noise responder: a client's answer to a server that calls it, as after a takeover (WireGuard paper, 5.4.3).

import {
  agree,
  type Caller,
  decrypt,
  derive,
  encrypt,
  hash,
  initialChain,
  initialHash,
  initiationBytes,
  mac1,
  messageType,
  newNoiseKeys,
  noPresharedKey,
  responseBytes,
  type Transport,
  transport,
} from './noise.ts';

export interface Answer {
  /** 92 bytes to be sent back. */
  readonly packet: Buffer;
  /** Stands when the server has sent something in it. */
  readonly session: Transport;
}

const nothing = Buffer.alloc(0);

/** Undefined: the message is no call of this caller's server for it. @param index 32 bits, the caller's own for the session */
export function answerTo(caller: Caller, initiation: Buffer, index: number): Answer | undefined {
  const { keys, server } = caller;
  if (initiation.length !== initiationBytes || initiation[0] !== messageType.initiation) return undefined;
  const theirs = initiation.subarray(8, 40);
  let digest = hash(hash(initialHash, keys.publicKey), theirs);
  let [chain] = derive(initialChain, theirs, 1);
  let key: Buffer;
  [chain, key] = derive(chain, agree(keys.privateKey, theirs), 2);
  const sealedStatic = initiation.subarray(40, 88);
  if (decrypt(key, 0n, sealedStatic, digest)?.equals(server) !== true) return undefined;
  digest = hash(digest, sealedStatic);
  [chain, key] = derive(chain, agree(keys.privateKey, server), 2);
  const sealedTime = initiation.subarray(88, 116);
  if (decrypt(key, 0n, sealedTime, digest) === undefined) return undefined;
  digest = hash(digest, sealedTime);

  const ephemeral = newNoiseKeys();
  const remoteIndex = initiation.readUInt32LE(4);
  const packet = Buffer.alloc(responseBytes);
  packet[0] = messageType.response;
  packet.writeUInt32LE(index, 4);
  packet.writeUInt32LE(remoteIndex, 8);
  ephemeral.publicKey.copy(packet, 12);
  digest = hash(digest, ephemeral.publicKey);
  [chain] = derive(chain, ephemeral.publicKey, 1);
  [chain] = derive(chain, agree(ephemeral.privateKey, theirs), 1);
  [chain] = derive(chain, agree(ephemeral.privateKey, server), 1);
  const [last, mixed, opening] = derive(chain, caller.presharedKey ?? noPresharedKey, 3);
  encrypt(opening, 0n, nothing, hash(digest, mixed)).copy(packet, 44);
  packet.set(mac1(server, packet.subarray(0, 60)), 60);
  // The one that calls sends with the first.
  const [receiving, sending] = derive(last, nothing, 2);
  return { packet, session: transport({ sending, receiving, index, remoteIndex }) };
}
