// Keyring: keys that came sealed. It opens them with the node's identity, and knows of each key that a device holds from
// which ciphertext it came, so that what is found can be compared with what is wanted.
//
// Keys themselves are neither kept nor written: a hash tells whether the device still has the same (they are 256 random
// bits; nobody finds them by their hash). Places, hashes and ciphertexts lie in a file as long as the devices live, so
// that a driver that is started again opens nothing and changes nothing.

import { hash } from 'node:crypto';
import { appendFileSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { Fault } from '#internal/errors/errors.ts';
import { nodeOpener } from '#internal/sealing/sealing.ts';

export interface Keyring {
  /** The key in base64; about 0.13 ms. @throws Fault `sealed`, `sealing-key` */
  open(sealed: string): string;
  /** The device has it now. O(places). A place is a link's name, or a link and a peer's public key. */
  remember(entries: readonly { readonly place: string; readonly sealed: string; readonly key: string }[]): void;
  /** From which ciphertext the key there came; undefined: from none that is known. */
  sealedOf(place: string, keyHash: string): string | undefined;
}

export interface KeyringOptions {
  /** Identities of the node; absent: nothing can be opened. */
  readonly sealingKeyFile?: string;
  /** Gone with the devices: below /run. */
  readonly memoryFile: string;
}

interface Known {
  readonly keyHash: string;
  readonly sealed: string;
}

/** Bytes of a WireGuard key (whitepaper 5). */
const keyBytes = 32;
/** Lines beyond twice the living ones before the file is written anew: rewriting 10,000 takes 10 ms. */
const spareLines = 1_000;

export const hashOf = (key: Uint8Array): string => hash('sha256', key, 'base64');

const lineOf = (place: string, { keyHash, sealed }: Known): string => `${place}\t${keyHash}\t${sealed}\n`;

/** A line that was cut short by a crash is nobody's; what came later holds. */
function remembered(file: string): Map<string, Known> {
  let text = '';
  try {
    text = readFileSync(file, 'utf8');
  } catch {
    // The first start since the machine's.
  }
  const known = new Map<string, Known>();
  for (const line of text.split('\n')) {
    const [place = '', keyHash = '', sealed = ''] = line.split('\t');
    if (place !== '' && sealed !== '') known.set(place, { keyHash, sealed });
  }
  return known;
}

export function createKeyring({ sealingKeyFile, memoryFile }: KeyringOptions): Keyring {
  const known = remembered(memoryFile);
  let lines = 0;
  const opener = nodeOpener(sealingKeyFile);

  function rewrite(): void {
    const text = [...known].map(([place, entry]) => lineOf(place, entry)).join('');
    writeFileSync(`${memoryFile}.new`, text, { mode: 0o600 });
    renameSync(`${memoryFile}.new`, memoryFile);
    lines = known.size;
  }

  rewrite();
  return {
    open(sealed) {
      const key = opener.open(sealed);
      if (key.length !== keyBytes) throw new Fault('sealed', `what is sealed has ${key.length} bytes, a key 32`);
      return Buffer.from(key).toString('base64');
    },
    remember(entries) {
      let text = '';
      for (const { place, sealed, key } of entries) {
        const entry = { keyHash: hashOf(Buffer.from(key, 'base64')), sealed };
        known.set(place, entry);
        text += lineOf(place, entry);
      }
      if (text === '') return;
      appendFileSync(memoryFile, text, { mode: 0o600 });
      lines += entries.length;
      if (lines > 2 * known.size + spareLines) rewrite();
    },
    sealedOf(place, keyHash) {
      const entry = known.get(place);
      return entry?.keyHash === keyHash ? entry.sealed : undefined;
    },
  };
}
