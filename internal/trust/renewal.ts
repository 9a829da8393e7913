// Renewal: from two thirds of its life on, or when another CA signs by now, a certificate is asked for anew, until there is
// one.

import { createPublicKey } from 'node:crypto';
import type { Clock } from '#internal/clock/clock.ts';
import { messageOf } from '#internal/errors/errors.ts';
import { type Node, PopKind } from '#internal/gen/pop44/store/v1/records_pb.ts';
import { TrustService } from '#internal/gen/pop44/v1/trust_pb.ts';
import { type Authority, renewableFrom, shortId } from '#internal/identity/identity.ts';
import type { Log } from '#internal/log/log.ts';
import { nodesInForce, type Snapshot } from '#internal/model/model.ts';
import { endpointAt } from '#internal/netip/netip.ts';
import { connect, serverNameOf } from '#internal/rpc/rpc.ts';
import type { KeptIdentity } from './kept-identity.ts';

export interface RenewalParts {
  readonly identity: KeptIdentity;
  readonly nodeId: string;
  /** Addresses that this node's certificate bears. */
  readonly addresses: readonly string[];
  /** Daemons that may hold the CA's key, this one among them: of COREs alone. */
  readonly nodes: () => readonly Node[];
  /** Id of the CA that signs by the records; undefined: they know of none. */
  readonly signing: () => string | undefined;
  /** The CA that signs, where this daemon holds its key. @throws Fault `authority` */
  readonly authority: () => Authority | undefined;
  readonly clock: Clock;
  readonly log: Log;
}

/** A wall clock that was set, and another CA that signs, are noticed within this; a look costs nothing. */
const lookMs = 2_000;
const shortestSleepMs = 1_000;
/** Between tries for a certificate of another CA: until then nothing ends. */
const otherAuthorityMs = 20_000;
/** A try of each twentieth of what is left: a network that was away for a while is asked often enough after it. */
const triesOfWhatIsLeft = 20;
const callMs = 5_000;
const dayMs = 24 * 3600_000;

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
  let notBeforeMs = 0;
  while (!signal.aborted) {
    const now = clock.wall();
    const { notAfter, notBefore } = identity.facts();
    const dueMs = renewableFrom({ notBefore, notAfter }).getTime() - now.getTime();
    const signing = parts.signing();
    const ofAnother = signing !== undefined && signing !== identity.signer();
    // Of the monotonic clock: a wall clock that is set back would make it wait.
    if ((dueMs <= 0 || ofAnother) && clock.monotonicMs() >= notBeforeMs) {
      const leftMs = Math.max(0, notAfter.getTime() - now.getTime());
      const reasons = await renewOnce(parts, leftMs);
      const until = identity.facts().notAfter.toISOString();
      const authority = shortId(identity.signer());
      if (reasons === undefined) log.info('certificate-renewed', { until, authority });
      else log.warn('certificate-not-renewed', { until, authority, reasons });
      const waitMs = Math.min(leftMs / triesOfWhatIsLeft, ofAnother ? otherAuthorityMs : Infinity);
      notBeforeMs = reasons === undefined ? 0 : clock.monotonicMs() + Math.max(shortestSleepMs, waitMs);
    }
    for (const alarm of identity.alarms(now)) {
      if (now.getTime() - (told.get(alarm) ?? -dayMs) < dayMs) continue;
      told.set(alarm, now.getTime());
      log.error('certificate-ends-soon', { alarm });
    }
    // Within a short life, as tests have it, a second counts.
    const sleepMs = Math.min(lookMs, Math.max(shortestSleepMs, dueMs));
    await clock.sleep(sleepMs, signal).catch(() => undefined);
  }
}

/** Undefined when there is a new certificate, or why there is none. */
async function renewOnce(parts: RenewalParts, leftMs: number): Promise<string | undefined> {
  const { identity, addresses, clock, nodeId } = parts;
  const said: string[] = [];
  // Not all the same one.
  for (const node of parts.nodes().toSorted(() => Math.random() - 0.5)) {
    const target = endpointAt(node.meshAddress, node.apiPort);
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
  if (leftMs > lifeMs / triesOfWhatIsLeft) return said.join('; ') || 'no node is known';
  try {
    const authority = parts.authority();
    if (authority === undefined) return said.join('; ') || 'no node is known';
    const { key } = identity.current();
    const spki = createPublicKey(String(key)).export({ type: 'spki', format: 'der' });
    await identity.take(await authority.sign({ id: nodeId, addresses }, spki, clock.wall()));
    return undefined;
  } catch (thrown) {
    return [...said, messageOf(thrown)].join('; ');
  }
}
