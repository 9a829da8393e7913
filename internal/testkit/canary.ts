// Canary: finds marked secrets in whatever bytes they may have leaked into: as they are, in hex, in base64 (wherever in a
// longer text they begin), in part. What it searches is read as bytes; what it answers is the secrets' names.

import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';

export interface Marked {
  /** `p1 access`: answers show it, never the secret. */
  readonly name: string;
  readonly secret: Uint8Array;
}

export interface Canary {
  /** Names of the secrets that are in it, whole or a third of one, sorted. O(bytes). */
  in(bytes: Uint8Array | string): readonly string[];
  /** Of a file, or of all files of a folder: `<path>: <name>`. `but`: paths that are left out. */
  inFiles(path: string, but?: (path: string) => boolean): Promise<readonly string[]>;
}

/** Of 32 bytes these overlap, so that a text cut anywhere still shows one of them. 96 bits are no coincidence. */
const fragmentBytes = 12;
/** What forms are found by; the shortest form is longer. */
const headBytes = 4;

function fragments(secret: Uint8Array): readonly Buffer[] {
  const found: Buffer[] = [];
  for (let at = 0; at < secret.length - fragmentBytes; at += fragmentBytes - 2)
    found.push(Buffer.from(secret.subarray(at, at + fragmentBytes)));
  return [...found, Buffer.from(secret.subarray(-fragmentBytes))];
}

/** Three base64 texts: which one it is depends on how many bytes stand before. Their ends mix with the neighbours. */
function base64Forms(fragment: Buffer): readonly string[] {
  return [0, 1, 2].map((before) => {
    const text = Buffer.concat([Buffer.alloc(before), fragment])
      .toString('base64')
      .replace(/=+$/, '');
    return text.slice(before === 0 ? 0 : before + 1, -1);
  });
}

function formsOf(fragment: Buffer): readonly Buffer[] {
  const hex = fragment.toString('hex');
  const base64 = base64Forms(fragment);
  const url = base64.map((text) => text.replaceAll('+', '-').replaceAll('/', '_'));
  const escaped = base64.map((text) => text.replaceAll('/', '\\/'));
  const texts = [hex, hex.toUpperCase(), ...base64, ...url, ...escaped, fragment.toString('latin1').toLowerCase()];
  return [fragment, ...[...new Set(texts)].map((text) => Buffer.from(text, 'latin1'))];
}

/** Of four bytes, to a place in a table of a million: Knuth's multiplier, 2^32 by the golden ratio. */
const placeOf = (head: number): number => Math.imul(head, 0x9e3779b1) >>> 12;
const places = 1 << 20;

interface Form {
  readonly form: Buffer;
  readonly names: Set<string>;
}

/** @throws RangeError for a secret of fewer than four bytes, which is found everywhere */
export function canary(marked: readonly Marked[]): Canary {
  /** By what they begin with, so that a text is gone through once however many secrets there are. */
  const begins = new Uint8Array(places);
  const forms = new Map<number, Map<string, Form>>();
  for (const { name, secret } of marked) {
    if (secret.length < headBytes) throw new RangeError(`${name} is too short to be looked for`);
    for (const form of fragments(secret).flatMap(formsOf)) {
      const head = form.readInt32BE(0);
      begins[placeOf(head)] = 1;
      const alike = forms.get(head) ?? new Map<string, Form>();
      forms.set(head, alike);
      const text = form.toString('latin1');
      const known = alike.get(text) ?? { form, names: new Set<string>() };
      alike.set(text, known);
      known.names.add(name);
    }
  }
  const search = (given: Uint8Array | string): readonly string[] => {
    const bytes = Buffer.from(given as Uint8Array);
    const found = new Set<string>();
    let head = 0;
    for (let end = 0; end < bytes.length; end += 1) {
      head = (head << 8) | (bytes[end] ?? 0);
      const at = end + 1 - headBytes;
      if (at < 0 || begins[placeOf(head)] === 0) continue;
      for (const { form, names } of forms.get(head)?.values() ?? [])
        if (bytes.compare(form, 0, form.length, at, Math.min(at + form.length, bytes.length)) === 0)
          for (const name of names) found.add(name);
    }
    return [...found].sort();
  };
  async function inFiles(path: string, but: (path: string) => boolean = () => false): Promise<readonly string[]> {
    if (but(path)) return [];
    const kind = await stat(path).catch(() => undefined);
    if (kind?.isFile() === true) return search(await readFile(path)).map((name) => `${path}: ${name}`);
    if (kind?.isDirectory() !== true) return [];
    const inside = await Promise.all((await readdir(path)).map((name) => inFiles(join(path, name), but)));
    return inside.flat();
  }
  return { in: search, inFiles };
}
