// Secrets: what must stand in no log, no kept answer and no value of etcd, and the search for it.

import { createPrivateKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { canary, type Marked } from '#internal/testkit/canary.ts';
import { adminFiles } from '#internal/testkit/lab/node-files.ts';
import { nodeDirectory } from '#internal/testkit/lab/places.ts';
import { chunks } from './chunks.ts';
import type { EventLog } from './event-log.ts';
import { type History, historyLines } from './history.ts';

export type SecretKeeper = (name: string, secret: Uint8Array | string) => void;

export interface Secrets {
  readonly keep: SecretKeeper;
  /** What the logs (by the name of the process), the history and the log of etcd hold of them. */
  search(
    logs: ReadonlyMap<string, string>,
    history: History,
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
    search(logs, history, log) {
      const { in: search } = canary(marked);
      const found: string[] = [];
      let places = 0;
      const look = (place: string, content: string | Uint8Array): void => {
        places += 1;
        found.push(...search(content).map((name) => `${place}: ${name}`));
      };
      for (const [name, text] of logs) look(name, text);
      for (const part of chunks(historyLines(history))) look('history', part);
      for (const events of [log.base, log.events])
        for (const { key, value } of events) if (value !== undefined) look(key, value);
      return { places, found };
    },
  };
}
