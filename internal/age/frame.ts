// Frame: an age file apart: the stanzas of its header, the header's seal, the payload.

/** One way to the file's key. */
export interface Stanza {
  readonly args: readonly string[];
  readonly body: Uint8Array;
}

export interface Frame {
  readonly stanzas: readonly Stanza[];
  /** The bytes that `mac` is about. */
  readonly header: Uint8Array;
  readonly mac: Uint8Array;
  /** A nonce of 16 bytes and the ciphertext. */
  readonly payload: Uint8Array;
}

const firstLine = 'age-encryption.org/v1';
/** A secret of 32 bytes for one recipient is 232 bytes, each further recipient 98; ours have one. */
export const mostSealedBytes = 1024;
/** A line of a stanza's body; a shorter one ends it (age.md). */
const bodyColumns = 64;

/** Base64 without padding, as everywhere in age's headers. */
export function base64Bare(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes)).replace(/=+$/, '');
}

/** Canonical or nothing: undefined for a text that another one means too. */
function bareBytes(text: string): Uint8Array | undefined {
  if (!/^[A-Za-z0-9+/]*$/.test(text) || text.length % 4 === 1) return undefined;
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  return base64Bare(bytes) === text ? bytes : undefined;
}

/** The header up to where its mac goes. */
export function frameText(stanzas: readonly Stanza[]): string {
  const lines = stanzas.flatMap(({ args, body }) => [`-> ${args.join(' ')}`, base64Bare(body)]);
  return [firstLine, ...lines, '---'].join('\n');
}

/** Undefined: not an age file, or a longer one than a sealed secret is. Costs O(bytes), whatever they are. */
export function readFrame(file: Uint8Array): Frame | undefined {
  if (file.length > mostSealedBytes) return undefined;
  const text = String.fromCharCode(...file);
  const end = /\n--- ([A-Za-z0-9+/]{43})\n/.exec(text);
  const mac = bareBytes(end?.[1] ?? '');
  if (end === null || mac === undefined) return undefined;
  const [first, ...lines] = text.slice(0, end.index).split('\n');
  if (first !== firstLine) return undefined;
  const stanzas: Stanza[] = [];
  for (let at = 0; at < lines.length; at += 2) {
    const args = /^-> ([!-~]+(?: [!-~]+)*)$/.exec(lines[at] ?? '')?.[1];
    const line = lines[at + 1];
    // Longer bodies belong to kinds of recipients that we do not have.
    const body = line === undefined || line.length >= bodyColumns ? undefined : bareBytes(line);
    if (args === undefined || body === undefined) return undefined;
    stanzas.push({ args: args.split(' '), body });
  }
  const macEnds = end.index + end[0].length;
  // The three dashes are part of what the mac is about.
  return { stanzas, header: file.subarray(0, end.index + 4), mac, payload: file.subarray(macEnds) };
}
