// Secrets: what must stand in no log, no kept answer and no value of etcd, and the search for it.

import { createPrivateKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { canary, type Marked } from '#internal/testkit/canary.ts';
import { adminFiles } from '#internal/testkit/lab/node-files.ts';
import { nodeDirectory } from '#internal/testkit/lab/places.ts';
import type { EventLog } from './event-log.ts';

export type SecretKeeper = (name: string, secret: Uint8Array | string) => void;

export interface Secrets {
  readonly keep: SecretKeeper;
  /** What `texts` (by the name of the place) and the log of etcd hold of them. */
  search(
    texts: ReadonlyMap<string, string>,
    log: EventLog,
  ): { readonly places: number; readonly found: readonly string[] };
}

/** The private number of a key alone: the rest of its PEM is the public key, which certificates hold. */
const privateOf = (pem: string): Buffer =>
  Buffer.from(createPrivateKey(pem).export({ format: 'jwk' }).d ?? '', 'base64url');

/** Of the nodes, as an operator has put them there; others are kept as they are made. */
export function openSecrets({
  nodes,
  directory,
}: {
  readonly nodes: readonly { readonly id: string }[];
  /** Of the admin's credentials. */
  readonly directory: string;
}): Secrets {
  const marked: Marked[] = [];
  const keep: SecretKeeper = (name, secret) => {
    marked.push({ name, secret: typeof secret === 'string' ? Buffer.from(secret) : secret });
  };
  for (const { id } of nodes) {
    const text = (name: string): string => readFileSync(join(nodeDirectory(id), name), 'utf8');
    for (const name of ['mesh.wgkey', 'interconnect.wgkey']) keep(`${id} ${name}`, Buffer.from(text(name), 'base64'));
    keep(`${id} sealing.agekey`, text('sealing.agekey').trim().slice(-40));
    keep(`${id} node.key`, privateOf(text('node.key')));
  }
  keep('key of the admin', privateOf(readFileSync(join(directory, adminFiles.key), 'utf8')));
  return {
    keep,
    search(texts, log) {
      const { in: search } = canary(marked);
      const found: string[] = [];
      for (const [place, text] of texts) found.push(...search(text).map((name) => `${place}: ${name}`));
      const values = [...log.base, ...log.events].filter(({ value }) => value !== undefined);
      for (const { key, value = new Uint8Array() } of values)
        found.push(...search(value).map((name) => `${key}: ${name}`));
      return { places: texts.size + values.length, found };
    },
  };
}
