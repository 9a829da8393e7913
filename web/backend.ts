// Backend: the daemons that an instance speaks to, by a certificate that is read again when its file changes.

import { statSync } from 'node:fs';
import { type Client, type Context, openClient } from '#internal/client/client.ts';
import type { Clock } from '#internal/clock/clock.ts';
import { messageOf } from '#internal/errors/errors.ts';
import type { Log } from '#internal/log/log.ts';

export interface Backend {
  client(): Client;
  close(): void;
}

const lookEveryMs = 10_000;
/** Calls that run go on with the old connections so long. */
const graceMs = 60_000;

/** @throws Fault `context` */
export function openBackend(context: Context, { clock, log }: { readonly clock: Clock; readonly log: Log }): Backend {
  const version = (): string =>
    [context.ca, context.certificate, context.key]
      .filter((file) => file !== undefined)
      .map((file) => statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0)
      .join(' ');
  const open = (): Client =>
    openClient(context, {
      steppedOver: (node, fault) => log.warn('daemon-away', { node, reason: fault.code }),
      warned: () => log.warn('certificate-ends', { file: context.certificate }),
    });
  let seen = version();
  let client = open();
  const ended = new AbortController();

  async function look(): Promise<void> {
    for (;;) {
      await clock.sleep(lookEveryMs, ended.signal);
      const now = version();
      if (now === seen) continue;
      try {
        const old = client;
        client = open();
        seen = now;
        log.info('certificate-read', { file: context.certificate });
        void clock.sleep(graceMs, ended.signal).then(
          () => old.close(),
          () => old.close(),
        );
      } catch (thrown) {
        // Half written, perhaps: the old one goes on.
        log.warn('certificate-unusable', { file: context.certificate, reason: messageOf(thrown) });
      }
    }
  }
  void look().catch(() => undefined);
  return {
    client: () => client,
    close() {
      ended.abort();
      client.close();
    },
  };
}
