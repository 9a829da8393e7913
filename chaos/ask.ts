// Ask: one request of a client, as often as it takes to learn what became of it.

import type { Client } from '#internal/client/client.ts';
import type { Clock } from '#internal/clock/clock.ts';
import { Fault } from '#internal/errors/errors.ts';
import type { AllocateRequest } from '#internal/gen/pop44/v1/allocations_pb.ts';
import type { Changed } from '#internal/gen/pop44/v1/common_pb.ts';
import { allocationId } from '#internal/model/model.ts';
import type { Prefix } from '#internal/netip/netip.ts';
import { type CallOptions, Refused } from '#internal/rpc/rpc.ts';
import type { Attempt, HistoryRecorder, Kind, Outcome, TunnelFields } from './history.ts';

/** What an answer says. */
export interface Answer {
  readonly changed: Changed | undefined;
  /** Keys of the records that were made. */
  readonly given: readonly string[];
  /** Of the allocations among them. */
  readonly prefixes: readonly { readonly poolId: string; readonly prefix: string }[];
  /** Of the tunnel or the pool among them. */
  readonly id: string;
}

export interface Ask {
  readonly request: string;
  readonly kind: Kind;
  readonly owner: string;
  readonly asked: string;
  readonly takes: readonly string[];
  /** See Attempt. */
  readonly sets?: TunnelFields;
  /** By a unary call. */
  send(client: Client, options: CallOptions): Promise<Answer>;
  /** The same as a message of a stream, where it can be one. */
  readonly streamed?: AllocateRequest;
  /** Told once, when it is known what became of it; undefined: nothing was done. */
  settled(answer: Answer | undefined): void;
}

/** Key of an allocation that an answer names. */
export const allocationKey = ({ poolId, prefix }: { readonly poolId: string; readonly prefix: string }): string =>
  `allocation/${allocationId(poolId, prefix as Prefix)}`;

/** One attempt, recorded. Never throws. */
export async function attempt(
  ask: Ask,
  by: { readonly client: string; readonly node: string; readonly clock: Clock; readonly history: HistoryRecorder },
  send: () => Promise<Answer>,
): Promise<{ readonly outcome: Outcome; readonly answer?: Answer }> {
  const nowNs = (): number => Math.round(by.clock.monotonicMs() * 1e6);
  const { request, kind, owner, asked, takes, sets } = ask;
  const invokedNs = nowNs();
  let parts: Pick<Attempt, 'outcome' | 'revision' | 'repeated' | 'given' | 'reason'>;
  let answer: Answer | undefined;
  try {
    answer = await send();
    const { changed, given } = answer;
    const { revision = 0n, repeated = false } = changed ?? {};
    parts = { outcome: 'ok', revision, repeated, given, reason: '' };
  } catch (thrown) {
    parts = { ...failureOf(thrown), revision: 0n, repeated: false, given: [] };
  }
  const { client, node } = by;
  const returnedNs = nowNs();
  by.history.attempts.push({
    ...{ request, client, node, kind, owner, asked, takes, invokedNs, returnedNs },
    ...(sets && { sets }),
    ...parts,
  });
  return { outcome: parts.outcome, ...(answer && { answer }) };
}

function failureOf(thrown: unknown): { readonly outcome: Outcome; readonly reason: string } {
  if (thrown instanceof Refused) return { outcome: 'refused', reason: thrown.refusal.refused };
  if (!(thrown instanceof Fault)) return { outcome: 'unknown', reason: String(thrown) };
  return { outcome: thrown.code === 'unavailable' ? 'unavailable' : 'unknown', reason: thrown.code };
}
