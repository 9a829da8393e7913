// Renewal: from two thirds of its life on, a certificate is asked for anew, until there is one.

import { createPublicKey } from 'node:crypto';
import type { Clock } from '#internal/clock/clock.ts';
import { messageOf } from '#internal/errors/errors.ts';
import { type Node, PopKind } from '#internal/gen/pop44/store/v1/records_pb.ts';
import { TrustService } from '#internal/gen/pop44/v1/trust_pb.ts';
import { type Authority, renewableFrom } from '#internal/identity/identity.ts';
import type { Log } from '#internal/log/log.ts';
import { nodesInForce, type Snapshot } from '#internal/model/model.ts';
import { connect, serverNameOf } from '#internal/rpc/rpc.ts';
import type { KeptIdentity } from './kept-identity.ts';

export interface RenewalParts {
  readonly identity: KeptIdentity;
  readonly nodeId: string;
  /** Addresses that this node's certificate bears. */
  readonly addresses: readonly string[];
  /** Daemons that may hold the CA's key, this one among them: of COREs alone. */
  readonly nodes: () => readonly Node[];
  /** Where this daemon holds it. */
  readonly authority?: Authority;
  readonly clock: Clock;
  readonly log: Log;
}

/** A wall clock that was set is noticed within this. */
const longestSleepMs = 3600_000;
const shortestSleepMs = 1_000;
/** A try of each twentieth of what is left: a network that was away for a while is asked often enough after it. */
const triesOfWhatIsLeft = 20;
const callMs = 5_000;
const dayMs = 24 * 3600_000;

const host = (address: string): string => (address.includes(':') ? `[${address}]` : address);

/**
 * Whom to ask: the CA's key is on COREs alone, and nobody else's answer is wanted. This node itself is among them, since
 * one that holds the key signs its own certificate too.
 */
export function nodesToAsk(snapshot: Snapshot, nodeId: string): readonly Node[] {
  const core = (popId: string): boolean => snapshot.pops.get(popId)?.record.kind === PopKind.CORE;
  return nodesInForce(snapshot).filter(({ id, popId }) => id === nodeId || core(popId));
}

/** Ends by its signal. */
export async function renewAgainAndAgain(parts: RenewalParts, signal: AbortSignal): Promise<void> {
  const { identity, clock, log } = parts;
  const told = new Map<string, number>();
  while (!signal.aborted) {
    const now = clock.wall();
    const { notAfter, notBefore } = identity.facts();
    const dueMs = renewableFrom({ notBefore, notAfter }).getTime() - now.getTime();
    let waitMs = dueMs;
    if (dueMs <= 0) {
      const reasons = await renewOnce(parts, notAfter.getTime() - now.getTime());
      const until = identity.facts().notAfter.toISOString();
      if (reasons === undefined) log.info('certificate-renewed', { until });
      else log.warn('certificate-not-renewed', { until, reasons });
      waitMs = reasons === undefined ? 0 : Math.max(0, notAfter.getTime() - now.getTime()) / triesOfWhatIsLeft;
    }
    for (const alarm of identity.alarms(now)) {
      if (now.getTime() - (told.get(alarm) ?? -dayMs) < dayMs) continue;
      told.set(alarm, now.getTime());
      log.error('certificate-ends-soon', { alarm });
    }
    const sleepMs = Math.min(longestSleepMs, Math.max(shortestSleepMs, waitMs));
    await clock.sleep(sleepMs, signal).catch(() => undefined);
  }
}

/** Undefined when there is a new certificate, or why there is none. */
async function renewOnce(parts: RenewalParts, leftMs: number): Promise<string | undefined> {
  const { identity, authority, addresses, clock, nodeId } = parts;
  const said: string[] = [];
  // Not all the same one.
  for (const node of parts.nodes().toSorted(() => Math.random() - 0.5)) {
    const target = `${host(node.meshAddress)}:${node.apiPort}`;
    const connection = connect(TrustService, target, identity.client(), { serverName: serverNameOf(node.id) });
    try {
      const answer = await connection.call.renewCertificate({}, { deadlineMs: callMs });
      await identity.take(answer.certificate);
      return undefined;
    } catch (thrown) {
      said.push(`${node.id}: ${messageOf(thrown)}`);
    } finally {
      connection.close();
    }
  }
  const lifeMs = identity.facts().notAfter.getTime() - identity.facts().notBefore.getTime();
  // Last of all, without a record of it: a store that none of them reaches, perhaps since all certificates have ended,
  // comes back only when somebody begins.
  if (authority === undefined || leftMs > lifeMs / triesOfWhatIsLeft) return said.join('; ') || 'no node is known';
  try {
    const { key } = identity.current();
    const spki = createPublicKey(String(key)).export({ type: 'spki', format: 'der' });
    await identity.take(await authority.sign({ id: nodeId, addresses }, spki, clock.wall()));
    return undefined;
  } catch (thrown) {
    return [...said, messageOf(thrown)].join('; ');
  }
}
