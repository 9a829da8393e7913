// List then watch: a map that follows the store without a gap.
//
// After any sequence of faults, what was handed out equals the store at some revision R; R does not go back unless the
// store did (then all is listed again and an alarm is raised); every event after the list was handed out exactly once,
// in order, whole transactions at a time.

import type { Clock } from '#internal/clock/clock.ts';
import { Fault, messageOf } from '#internal/errors/errors.ts';
import type { Endpoint } from './endpoint.ts';
import { failureCode } from './failure.ts';
import type { ListOptions } from './list.ts';
import type { Order } from './order.ts';
import type { Contact, EtcdEvent, Header, Listing, RelistReason, WatchBatch, WatchEvent } from './types.ts';
import { watchSession } from './watch-session.ts';

export interface Following extends AsyncIterable<WatchBatch> {
  contact(): Contact;
}

export interface FollowContext {
  readonly order: Order;
  readonly clock: Clock;
  list(prefix: string, options: ListOptions): Promise<Listing>;
  /** Linearizable, from any endpoint. */
  header(): Promise<Header>;
  readonly progressNotifyMs: number | undefined;
  report(event: EtcdEvent): void;
}

const firstBackoffMs = 100;
const lastBackoffMs = 2_000;
// etcd 3.4.20 to 3.4.41 can answer a linearizable read from the past after a pause: a lower revision is believed only
// when it stays low.
const restoreReads = 5;
const restoreReadPauseMs = 200;

export function listThenWatch(context: FollowContext, prefix: string, signal: AbortSignal): Following {
  const { clock, order, progressNotifyMs } = context;
  let contact: Contact = { connected: false, sinceMs: clock.monotonicMs(), heardMs: clock.monotonicMs() };
  /** The store as far as it was handed out: the watch goes on one revision later. Absent: nothing was. */
  let seen: Header | undefined;
  let relistBecause: RelistReason | undefined = 'start';
  let backoffMs = firstBackoffMs;

  function disconnected(): void {
    if (contact.connected) contact = { ...contact, connected: false, sinceMs: clock.monotonicMs() };
  }

  /** Is this no longer the store that was seen? Throws when the endpoint does not answer. */
  async function restored(endpoint: Endpoint, known: Header): Promise<boolean> {
    let header = await endpoint.header();
    for (let reads = 1; header.clusterId === known.clusterId && header.revision < known.revision; reads++) {
      if (reads === restoreReads) {
        const problem = `revision ${header.revision} after ${known.revision} was seen`;
        context.report({ event: 'restore-suspected', problem });
        return true;
      }
      await clock.sleep(restoreReadPauseMs, signal);
      header = await context.header();
    }
    if (header.clusterId === known.clusterId) return false;
    context.report({ event: 'restore-suspected', problem: `cluster ${header.clusterId} after ${known.clusterId}` });
    return true;
  }

  async function relist(reason: RelistReason): Promise<WatchBatch> {
    const { clusterId, revision, entries } = await context.list(prefix, { signal });
    if (seen !== undefined && (seen.clusterId !== clusterId || revision < seen.revision)) {
      throw new Fault(
        'behind',
        `etcd: list of ${clusterId} at ${revision} after ${seen.clusterId} at ${seen.revision}`,
      );
    }
    seen = { clusterId, revision };
    relistBecause = undefined;
    backoffMs = firstBackoffMs;
    context.report({ event: 'relisted', reason, revision: revision.toString(), keys: entries.length });
    return { revision, relisted: true, events: entries };
  }

  /** One stream, from its opening to its loss, which it throws. */
  async function* session(endpoint: Endpoint, { clusterId, revision }: Header): AsyncGenerator<WatchBatch> {
    let next = revision + 1n;
    const handOut = (to: bigint, events: readonly WatchEvent[]): WatchBatch => {
      next = to + 1n;
      seen = { clusterId, revision: to };
      backoffMs = firstBackoffMs;
      return { revision: to, relisted: false, events };
    };
    const options = { prefix, startRevision: next, progressNotifyMs, clock, signal };
    for await (const message of watchSession(endpoint, options)) {
      const nowMs = clock.monotonicMs();
      contact = { ...contact, heardMs: nowMs };
      switch (message.is) {
        case 'created':
          // Its header is the store's revision now, before any missed event has come: `next` stays.
          contact = { connected: true, sinceMs: nowMs, heardMs: nowMs, clusterId, endpoint: endpoint.url };
          order.succeeded(endpoint);
          context.report({ event: 'watch-opened', endpoint: endpoint.url, from: next.toString() });
          break;
        case 'alive':
          break;
        case 'progress':
          if (message.revision >= next) yield handOut(message.revision, []);
          break;
        case 'events': {
          // etcd before 3.4.25 and 3.4.38 can repeat events or go back in time.
          const fresh = message.events.filter((event) => event.modRevision >= next);
          const last = fresh.at(-1);
          if (last !== undefined) yield handOut(last.modRevision, fresh);
        }
      }
    }
  }

  async function* follow(): AsyncGenerator<WatchBatch> {
    while (!signal.aborted) {
      const [endpoint] = order.list();
      if (endpoint === undefined) throw new Fault('unavailable', 'etcd: no endpoints');
      try {
        if (seen !== undefined && (await restored(endpoint, seen))) {
          seen = undefined;
          relistBecause = 'restored';
        }
        if (seen === undefined || relistBecause !== undefined) yield await relist(relistBecause ?? 'start');
        else yield* session(endpoint, seen);
      } catch (thrown) {
        if (signal.aborted) return;
        disconnected();
        context.report({ event: 'follow-failed', endpoint: endpoint.url, problem: messageOf(thrown) });
        if (failureCode(thrown) === 'compacted') {
          relistBecause = 'compacted';
          continue;
        }
        order.failed(endpoint);
        await clock.sleep(backoffMs * (0.5 + Math.random() / 2), signal).catch(() => undefined);
        backoffMs = Math.min(2 * backoffMs, lastBackoffMs);
      } finally {
        if (signal.aborted) disconnected();
      }
    }
  }

  return { [Symbol.asyncIterator]: follow, contact: () => contact };
}
