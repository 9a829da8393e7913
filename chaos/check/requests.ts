// Requests: all attempts that bear one request id, and what the log says of that id.

import type { AuditEntry } from '#internal/gen/pop44/store/v1/records_pb.ts';
import type { Attempt } from '../history.ts';
import type { Judge } from './replay.ts';

/** What the log holds of one request id. */
export interface Traces {
  /** Revisions at which its operation was remembered. */
  readonly remembered: bigint[];
  /** Revisions at which a refusal was remembered for good. */
  readonly refusals: bigint[];
  /** Audit entries with the revisions of their transactions. */
  readonly entries: { readonly revision: bigint; readonly entry: AuditEntry }[];
  principal: string;
}

export interface Requests {
  /** Attempts in the order in which they began. */
  readonly asked: ReadonlyMap<string, readonly Attempt[]>;
  readonly traces: ReadonlyMap<string, Traces>;
}

/** The traces are there when the replay has ended. */
export function gatherRequests(attempts: readonly Attempt[]): Requests & Judge {
  const asked = new Map<string, Attempt[]>();
  for (const attempt of [...attempts].sort((a, b) => a.invokedNs - b.invokedNs)) {
    const others = asked.get(attempt.request);
    if (others === undefined) asked.set(attempt.request, [attempt]);
    else others.push(attempt);
  }
  const found = new Map<string, Traces>();
  const of = (requestId: string): Traces => {
    const known = found.get(requestId) ?? { remembered: [], refusals: [], entries: [], principal: '' };
    found.set(requestId, known);
    return known;
  };
  return {
    asked,
    traces: found,
    after(_, { revision, operations, audits }) {
      for (const { requestId, operation } of operations) {
        if (operation === undefined) continue;
        const traces = of(requestId);
        (operation.refusal.length > 0 ? traces.refusals : traces.remembered).push(revision);
        traces.principal = operation.principal;
      }
      for (const { audit } of audits)
        for (const entry of audit?.entries ?? []) {
          if (entry.requestId === '' || entry.changes.length === 0) continue;
          of(entry.requestId).entries.push({ revision, entry });
          of(entry.requestId).principal = entry.principal;
        }
    },
  };
}
