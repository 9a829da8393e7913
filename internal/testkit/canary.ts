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

export function canary(marked: readonly Marked[]): Canary {
  /** By the first two bytes. */
  const begins = new Uint8Array(65_536);
  const forms = new Map<number, { readonly form: Buffer; readonly name: string }[]>();
  for (const { name, secret } of marked)
    for (const form of fragments(secret).flatMap(formsOf)) {
      const head = form.readUInt16BE(0);
      begins[head] = 1;
      forms.set(head, [...(forms.get(head) ?? []), { form, name }]);
    }
  const search = (given: Uint8Array | string): readonly string[] => {
    const bytes = Buffer.from(given as Uint8Array);
    const names = new Set<string>();
    for (let at = 0; at + 1 < bytes.length; at += 1) {
      const head = ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
      if (begins[head] === 0) continue;
      for (const { form, name } of forms.get(head) ?? [])
        if (bytes.compare(form, 0, form.length, at, Math.min(at + form.length, bytes.length)) === 0) names.add(name);
    }
    return [...names].sort();
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
