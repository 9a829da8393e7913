// Disk: a certificate with its key in one file, so that one is never there without the other.

import { existsSync, readFileSync } from 'node:fs';
import { replaceFile } from '#internal/files/files.ts';
import type { Pair } from './order.ts';

const onlyOwner = 0o600;
const block = (label: string): RegExp => new RegExp(`-----BEGIN ${label}-----[^-]+-----END ${label}-----\n?`, 'g');

/** Text before a block is for people (RFC 7468 2), and tells of which server it is. */
const serverLine = (server: string): string => `ACME-Server: ${server}\n`;

export interface KeptPair extends Pair {
  /** URL of the directory of the server that it is of. */
  readonly server: string;
}

/** Undefined: there is none. @throws what node:fs says */
export function readPair(file: string): KeptPair | undefined {
  if (!existsSync(file)) return undefined;
  const text = readFileSync(file, 'utf8');
  const [key = ''] = text.match(block('PRIVATE KEY')) ?? [];
  const certificate = (text.match(block('CERTIFICATE')) ?? []).join('');
  return { key, certificate, server: /^ACME-Server: (.+)\n/.exec(text)?.[1] ?? '' };
}

/** @throws what node:fs says */
export async function writePair(file: string, server: string, { certificate, key }: Pair): Promise<void> {
  await replaceFile(file, `${serverLine(server)}${key.trim()}\n${certificate.trim()}\n`, onlyOwner);
}
