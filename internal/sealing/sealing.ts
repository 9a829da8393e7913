// Sealing: secrets for the nodes that need them, as age files of one X25519 recipient each (adr/0012).
//
// On the path: who makes a secret seals it; records and messages carry the ciphertext; the privileged half of the node
// that it is for opens it.
// Never: writes a secret anywhere, names one in a fault, or opens what was changed on its way.

import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  diffieHellman,
  hkdfSync,
  type KeyObject,
  randomBytes,
  timingSafeEqual,
} from 'node:crypto';
import { existsSync } from 'node:fs';
import {
  type AgeIdentity,
  type AgeRecipient,
  base64Bare,
  frameText,
  identityBytes,
  identityText,
  readFrame,
  recipientBytes,
  recipientText,
  type Stanza,
} from '#internal/age/age.ts';
import { Fault } from '#internal/errors/errors.ts';
import { keyBytes, privateObject, publicBytes, publicKeyOf, publicObject } from '#internal/x25519/x25519.ts';
import { readIdentityFile, writeIdentityFile } from './identity-file.ts';

export { addIdentity, forgetOlderIdentities, readIdentityFile, writeIdentityFile } from './identity-file.ts';

// C2SP age.md throughout.
const wrapInfo = 'age-encryption.org/v1/X25519';
const fileKeyBytes = 16;
const nonceBytes = 16;
const tagBytes = 16;
/** A file key wraps one thing under a key of its own; the nonce may be fixed. */
const noNonce = new Uint8Array(12);
/** Of the only chunk of a payload: number 0, and the mark that it is the last. */
const onlyChunk = Uint8Array.from([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
const chunkBytes = 65_536;

const derived = (secret: Uint8Array, salt: Uint8Array, info: string): Uint8Array =>
  new Uint8Array(hkdfSync('sha256', secret, salt, info, keyBytes));

function locked(key: Uint8Array, nonce: Uint8Array, clear: Uint8Array): Uint8Array {
  const cipher = createCipheriv('chacha20-poly1305', key, nonce, { authTagLength: tagBytes });
  return Buffer.concat([cipher.update(clear), cipher.final(), cipher.getAuthTag()]);
}

/** Undefined: it was made with another key, or changed. */
function unlocked(key: Uint8Array, nonce: Uint8Array, text: Uint8Array): Uint8Array | undefined {
  if (text.length < tagBytes) return undefined;
  const decipher = createDecipheriv('chacha20-poly1305', key, nonce, { authTagLength: tagBytes });
  decipher.setAuthTag(text.subarray(-tagBytes));
  const clear = decipher.update(text.subarray(0, -tagBytes));
  try {
    decipher.final();
    return clear;
  } catch {
    return undefined;
  }
}

const macOf = (fileKey: Uint8Array, header: string | Uint8Array): Uint8Array =>
  createHmac('sha256', derived(fileKey, new Uint8Array(), 'header'))
    .update(header)
    .digest();

/** A new identity from the system's random numbers. */
export function makeIdentity(): AgeIdentity {
  return identityText(randomBytes(keyBytes));
}

export function recipientOf(identity: AgeIdentity): AgeRecipient {
  return recipientText(publicKeyOf(identityBytes(identity)));
}

/** The recipient of an identity file, which is made where there is none. @throws Fault `sealing-key` */
export function ownRecipient(file: string): AgeRecipient {
  if (!existsSync(file)) writeIdentityFile(file, makeIdentity());
  const [identity] = readIdentityFile(file);
  return recipientOf(identity);
}

/** Seals at most 64 KiB to one recipient; each call gives another ciphertext. About 0.15 ms. */
export function seal(clear: Uint8Array, recipient: AgeRecipient): Uint8Array {
  if (clear.length > chunkBytes) throw new RangeError('more than one chunk is no secret');
  const ephemeral = privateObject(randomBytes(keyBytes));
  const share = publicBytes(ephemeral);
  const to = recipientBytes(recipient);
  const secret = diffieHellman({ privateKey: ephemeral, publicKey: publicObject(to) });
  const fileKey = randomBytes(fileKeyBytes);
  const wrapped = locked(derived(secret, Buffer.concat([share, to]), wrapInfo), noNonce, fileKey);
  const header = frameText([{ args: ['X25519', base64Bare(share)], body: wrapped }]);
  const nonce = randomBytes(nonceBytes);
  const payload = locked(derived(fileKey, nonce, 'payload'), onlyChunk, clear);
  const head = Buffer.from(`${header} ${base64Bare(macOf(fileKey, header))}\n`);
  return new Uint8Array(Buffer.concat([head, nonce, payload]));
}

/** Opens what was sealed to the identity that it was made with. */
export interface Opener {
  readonly recipient: AgeRecipient;
  /** About 0.1 ms. @throws Fault `sealed`: not for this identity, or changed on its way */
  open(file: Uint8Array): Uint8Array;
}

function fileKeyIn(stanza: Stanza, privateKey: KeyObject, own: Uint8Array): Uint8Array | undefined {
  const [kind, text = ''] = stanza.args;
  const share = Buffer.from(text, 'base64');
  if (kind !== 'X25519' || stanza.args.length !== 2 || share.length !== keyBytes) return undefined;
  let secret: Uint8Array;
  try {
    secret = diffieHellman({ privateKey, publicKey: publicObject(share) });
  } catch {
    // OpenSSL refuses a share of low order (RFC 7748 6.1): its secret would be all zeros.
    return undefined;
  }
  const key = derived(secret, Buffer.concat([share, own]), wrapInfo);
  const fileKey = unlocked(key, noNonce, stanza.body);
  return fileKey?.length === fileKeyBytes ? fileKey : undefined;
}

export function openerOf(identity: AgeIdentity): Opener {
  const privateKey = privateObject(identityBytes(identity));
  const own = publicBytes(privateKey);
  const recipient = recipientText(own);
  return {
    recipient,
    open(file) {
      const frame = readFrame(file);
      if (frame === undefined) throw new Fault('sealed', 'a sealed secret is no age file of at most 1 KiB');
      for (const stanza of frame.stanzas) {
        const fileKey = fileKeyIn(stanza, privateKey, own);
        if (fileKey === undefined) continue;
        const mac = macOf(fileKey, frame.header);
        if (mac.length !== frame.mac.length || !timingSafeEqual(mac, frame.mac)) break;
        const nonce = frame.payload.subarray(0, nonceBytes);
        const payload = frame.payload.subarray(nonceBytes);
        const clear = unlocked(derived(fileKey, nonce, 'payload'), onlyChunk, payload);
        if (clear !== undefined) return new Uint8Array(clear);
        break;
      }
      throw new Fault('sealed', `a sealed secret is not for ${recipient}, or was changed`);
    },
  };
}

/** Opens what is sealed to a node, by any identity of its file. */
export interface NodeOpener {
  /** @param sealed an age file in base64. About 0.13 ms. @throws Fault `sealed`, `sealing-key` */
  open(sealed: string): Uint8Array;
}

/** The file is read with the first use, and again when no identity of it opens something: there may be a new one. */
export function nodeOpener(sealingKeyFile: string | undefined): NodeOpener {
  let openers: readonly Opener[] | undefined;
  const read = (): readonly Opener[] => {
    if (sealingKeyFile === undefined) {
      throw new Fault('sealing-key', 'something is sealed to this node, and its configuration names no sealingKeyFile');
    }
    return readIdentityFile(sealingKeyFile).map(openerOf);
  };
  const opened = (file: Uint8Array, by: readonly Opener[]): Uint8Array | undefined => {
    for (const opener of by) {
      try {
        return opener.open(file);
      } catch {
        // For another identity of the file, perhaps.
      }
    }
    return undefined;
  };
  return {
    open(sealed) {
      const file = Buffer.from(sealed, 'base64');
      openers ??= read();
      let clear = opened(file, openers);
      if (clear === undefined) {
        openers = read();
        clear = opened(file, openers);
      }
      if (clear !== undefined) return clear;
      const recipients = openers.map(({ recipient }) => recipient).join(', ');
      throw new Fault('sealed', `a key is not sealed to ${recipients}, or was changed`);
    },
  };
}
