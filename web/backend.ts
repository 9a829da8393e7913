// Backend: the daemons that an instance speaks to, by a certificate that is read again when its file changes.

import { type Client, type Context, openClient } from '#internal/client/client.ts';
import type { Clock } from '#internal/clock/clock.ts';
import type { Log } from '#internal/log/log.ts';
import { followFiles, versionOf } from './followed-files.ts';

export interface Backend {
  client(): Client;
  close(): void;
}

/** Calls that run go on with the old connections so long. */
const graceMs = 60_000;

/** @throws Fault `context` */
export function openBackend(context: Context, { clock, log }: { readonly clock: Clock; readonly log: Log }): Backend {
  const files = [context.certificate, context.key, context.ca].filter((file) => file !== undefined);
  const open = (): Client =>
    openClient(context, {
      steppedOver: (node, fault) => log.warn('daemon-away', { node, reason: fault.code }),
      warned: () => log.warn('certificate-ends', { file: context.certificate }),
    });
  const version = versionOf(files);
  let client = open();
  const ended = new AbortController();
  const { signal } = ended;
  const takeNew = (): void => {
    const old = client;
    client = open();
    const close = (): void => old.close();
    void clock.sleep(graceMs, signal).then(close, close);
  };
  void followFiles(files, takeNew, { clock, log, signal, version });
  return {
    client: () => client,
    close() {
      ended.abort();
      client.close();
    },
  };
}
