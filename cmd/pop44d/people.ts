// People: what a daemon of a CORE does about accounts: follows their records, hashes passwords, sends mails, writes down how
// many logins were refused, and signs what others have written down. On other nodes it does none of that.

import { randomUUID } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { type Api, type ApiParts, coresOf } from '#internal/api/api.ts';
import type { Clock } from '#internal/clock/clock.ts';
import type { NodeConfig } from '#internal/config/config.ts';
import { messageOf } from '#internal/errors/errors.ts';
import { PopKind } from '#internal/gen/pop44/store/v1/records_pb.ts';
import type { Log } from '#internal/log/log.ts';
import { openTransport, runSender, type Transport } from '#internal/mail/mail.ts';
import type { Snapshot } from '#internal/model/model.ts';
import { createHasher } from '#internal/password/password.ts';
import { createPeopleHead } from '#internal/people/people.ts';
import { type Listener, listen, newPublicServer, publicCredentials } from '#internal/rpc/rpc.ts';
import type { Store } from '#internal/store/store.ts';
import type { KeptIdentity } from '#internal/trust/trust.ts';
import { signAgainAndAgain } from '#internal/vouching/vouching.ts';
import { hashApart } from './hash-apart.ts';

interface PeopleAround {
  readonly config: NodeConfig;
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Log;
  readonly identity: KeptIdentity;
  readonly snapshot: () => Snapshot;
  /** Something about people has changed: who may have a stream is asked again. */
  readonly changed: () => void;
}

export interface PeopleHalf extends Pick<ApiParts, 'people' | 'passwords' | 'refusals'> {
  /** The fabric has changed: this node may stand in a CORE now. */
  look(): void;
  /** What a person has to know, a line each. */
  alarms(): readonly string[];
  /** Where people call without a certificate; undefined where node.json names no address. @throws Fault `listen` */
  listen(api: Pick<Api, 'serve'>): Promise<Listener | undefined>;
  /** Ends by its signal. */
  run(signal: AbortSignal): Promise<void>;
}

/** Milliseconds between two audit records of refused logins: what strangers do must not fill the store. */
const refusalsMs = 10_000;

/** @throws Fault `config` */
export function openPeople({ config, store, clock, log, identity, snapshot, changed }: PeopleAround): PeopleHalf {
  const { nodeId, mail } = config;
  let nudge: () => void = () => {};
  let sender: { look(): void } | undefined;
  const head = createPeopleHead(() => {
    changed();
    sender?.look();
  });
  const newId = (): string => randomUUID().replaceAll('-', '');
  const refused = new Map<string, number>();
  let doubted: readonly string[] = [];
  const apart = hashApart({
    program: [process.execPath, process.argv[1] ?? ''],
    failed: (reason) => log.warn('hashes-not-apart', { reason }),
    clock,
  });

  const isCore = (): boolean => {
    const { nodes, pops } = snapshot();
    return pops.get(nodes.get(nodeId)?.record.popId ?? '')?.record.kind === PopKind.CORE;
  };

  async function untilCore(signal: AbortSignal): Promise<void> {
    const wake = (): void => nudge();
    // One listener, however often the fabric changes meanwhile.
    signal.addEventListener('abort', wake, { once: true });
    while (!isCore() && !signal.aborted) {
      const { promise, resolve } = Promise.withResolvers<void>();
      nudge = resolve;
      await promise;
    }
    signal.removeEventListener('abort', wake);
  }

  async function tellRefusals(signal: AbortSignal): Promise<void> {
    for (;;) {
      await clock.sleep(refusalsMs, signal);
      if (refused.size === 0) continue;
      const [[most] = ['']] = [...refused].sort(([, a], [, b]) => b - a);
      const [reason = '', source = ''] = most.split(' ');
      const count = [...refused.values()].reduce((sum, each) => sum + each, 0);
      refused.clear();
      const told = { method: '/pop44.v1.PeopleService/Login', reason, count };
      await store
        .commit({ compares: [], writes: [], source, refused: told }, undefined)
        .catch((cause: unknown) => log.warn('refusals-untold', { count, reason: messageOf(cause) }));
    }
  }

  async function run(signal: AbortSignal): Promise<void> {
    await untilCore(signal);
    if (signal.aborted) return;
    const transport: Transport = openTransport(
      {
        from: mail?.from ?? `pop44@${nodeId}.invalid`,
        maildir: mail?.maildir ?? join(config.stateDir, 'mail'),
        ...(mail?.smtp && { smtp: mail.smtp }),
      },
      clock,
    );
    const sending = runSender(
      {
        ...{ nodeId, clock, people: head, fabric: snapshot, transport, newId },
        commit: (decision, operation) => store.commit(decision, operation),
        report: (event, fields) => {
          if (event === 'sent') log.info('mail-sent', fields);
          else log.warn(`mail-${event}`, fields);
        },
      },
      signal,
    );
    sender = sending;
    const telling = tellRefusals(signal).catch(() => undefined);
    const vouching = signAgainAndAgain(
      {
        ...{ nodeId, clock, store, identity: identity.current, cores: () => coresOf(snapshot()) },
        doubts(nodeIds) {
          for (const of of nodeIds) if (!doubted.includes(of)) log.error('audit-contradicts', { of });
          doubted = nodeIds;
        },
        failed: (reason) => log.warn('heads-unsigned', { reason }),
      },
      signal,
    );
    try {
      for await (const batch of store.people.follow(signal)) head.advance(batch);
    } finally {
      await Promise.all([sending.ended, telling, vouching, apart.close()]);
      transport.close();
    }
  }

  return {
    people: head,
    // One core is left to everything else.
    passwords: createHasher(clock, Math.max(1, Math.min(3, availableParallelism() - 1)), apart),
    refusals: {
      count(reason, source) {
        const key = `${reason} ${source}`;
        // Of a flood from everywhere the sum counts.
        const kept = refused.has(key) || refused.size < 1_000 ? key : `${reason} `;
        refused.set(kept, (refused.get(kept) ?? 0) + 1);
      },
    },
    look: () => nudge(),
    alarms: () => doubted.map((of) => `what ${of} has written down is not as it was: pop44 audit verify`),
    async listen(api) {
      const addresses = config.api.public ?? [];
      if (addresses.length === 0) return undefined;
      const server = newPublicServer();
      api.serve(server);
      const credentials = publicCredentials(identity.current());
      identity.onTaken(credentials.renew);
      return listen(server, addresses, credentials);
    },
    run: (signal) =>
      run(signal).catch((cause: unknown) => {
        if (!signal.aborted) throw cause;
      }),
  };
}
