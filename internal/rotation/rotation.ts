// Rotation: the node's own interconnect key, which it makes anew when an admin asks for it or when it is old.
//
// On the path: looks at the snapshot and at what the privileged half tells, and commits the two decisions of a rotation:
// a next key is there; it has taken over. All that it needs to go on stands in the record: a daemon that is started
// again, in the middle too, goes on where the record is.
// Never: has a private key, or takes a link away before the other one carries traffic (adr/0016).

import {
  neighboursOf,
  openInterconnectRotation,
  promoteInterconnectKey,
  rotatingNeighbour,
  rotationDueMs,
} from '#internal/command/command.ts';
import { nextSessions } from '#internal/desired/desired.ts';
import { isRefusal, messageOf } from '#internal/errors/errors.ts';
import type { Node } from '#internal/gen/pop44/store/v1/records_pb.ts';
import type { Status } from '#internal/status/status.ts';
import { type CommitParts, commit } from './commit.ts';

export { endWindowsAgainAndAgain } from './pop-key-window.ts';

export interface RotationParts extends CommitParts {
  readonly status: Pick<Status, 'of' | 'own' | 'update'>;
  /** Asks the privileged half for a next key: gives its public half. `keep`: keys whose files are needed. */
  readonly makeKey: (keep: readonly string[]) => Promise<string>;
  /** Names of BGP sessions that are established in the pop namespace. */
  readonly sessions: () => Promise<readonly string[]>;
  /**
   * The same step asked of a daemon that may write this node's record, where this one may not (roles of etcd): gives the
   * revision.
   */
  readonly elsewhere: (step: OwnStep) => Promise<bigint>;
  /** Hears of what went wrong; it is tried again. */
  readonly failed: (thrown: unknown) => void;
}

export type OwnStep = { readonly nextPublicKey: string } | { readonly promote: true };

/** Milliseconds between looks; a look while nothing is due costs nothing. */
const lookMs = 1_000;
/**
 * Sessions are established before they have told all their routes: 200,000, the most that a neighbour may send, take
 * BIRD about 2 s. The far end, which lets go of the old link by itself, must have got as far.
 */
const settleMs = 5_000;
const dayMs = 24 * 3600_000;
/**
 * WireGuard makes a new session key each 2 min (whitepaper 6.1), so that age alone weakens no key: this is how long a stolen
 * one is of use. A month is the rhythm that operators of such keys keep by hand.
 */
const everyMs = 30 * dayMs;

/** 0 up to a day, by the node's id: nodes that were created together do not all come at once. */
function spreadMs(nodeId: string): number {
  let hash = 0;
  for (const character of nodeId) hash = (hash * 31 + (character.codePointAt(0) ?? 0)) % 86_400;
  return hash * 1_000;
}

/** Ends by its signal. */
export async function rotateAgainAndAgain(parts: RotationParts, signal: AbortSignal): Promise<void> {
  const { clock, status } = parts;
  const look = createLook(parts, signal);
  let failure = '';
  while (!signal.aborted) {
    let waitsFor = '';
    try {
      waitsFor = await look();
      failure = '';
    } catch (thrown) {
      if (signal.aborted) return;
      waitsFor = `waits: ${messageOf(thrown)}`;
      // Tried again and again, told once.
      if (failure !== waitsFor) parts.failed(thrown);
      failure = waitsFor;
    }
    if (status.own().rotation !== waitsFor) status.update({ rotation: waitsFor });
    await clock.sleep(lookMs, signal).catch(() => undefined);
  }
}

/** Gives the next look: it does what can be done now and tells what is waited for; empty: nothing. */
function createLook(parts: RotationParts, signal: AbortSignal): () => Promise<string> {
  const { nodeId, clock, head, status } = parts;
  let readySinceMs: number | undefined;
  let madeKey: string | undefined;

  const elsewhere = (step: OwnStep) => () => parts.elsewhere(step);
  const ails = (id: string): boolean => {
    const known = status.of(id);
    return known?.connected !== true || known.report.failingSteps > 0 || known.report.held !== '';
  };

  async function begin(node: Node): Promise<string> {
    const snapshot = head.snapshot();
    const nowMs = clock.wall().getTime();
    const dueMs = rotationDueMs(node, everyMs + spreadMs(nodeId));
    if (dueMs === undefined || nowMs < dueMs) return '';
    const other = rotatingNeighbour(snapshot, nodeId);
    if (other !== undefined) return `waits for node ${other}, which rotates`;
    const wanted = node.interconnectKeyAge?.wantedAt !== undefined;
    const ailing = wanted ? undefined : [nodeId, ...neighboursOf(snapshot, nodeId)].find(ails);
    if (ailing !== undefined) return `waits for node ${ailing} to be well`;
    // One that was made is kept through tries: a commit without an answer may have named it.
    madeKey ??= await parts.makeKey([node.interconnectPublicKey]);
    const decision = openInterconnectRotation(snapshot, { nodeId, publicKey: madeKey, now: clock.wall() });
    if (isRefusal(decision)) throw new Error(decision.message);
    if (decision !== undefined)
      await commit(
        parts,
        { decision, method: 'open-interconnect-rotation' },
        signal,
        elsewhere({ nextPublicKey: madeKey }),
      );
    return 'begins';
  }

  async function end(): Promise<string> {
    madeKey = undefined;
    const snapshot = head.snapshot();
    const wanted = nextSessions(snapshot, nodeId);
    const established = new Set(wanted.size === 0 ? [] : await parts.sessions());
    const missing = [...wanted].filter(
      ([, names]) => names.length === 0 || !names.every((name) => established.has(name)),
    );
    const nowMs = clock.monotonicMs();
    if (missing.length > 0) {
      readySinceMs = undefined;
      return `waits for the second link of ${missing.map(([id]) => id).join(', ')}`;
    }
    readySinceMs ??= nowMs;
    if (nowMs - readySinceMs < settleMs) return 'settles on the second links';
    const decision = promoteInterconnectKey(snapshot, nodeId, clock.wall());
    if (decision !== undefined)
      await commit(parts, { decision, method: 'promote-interconnect-key' }, signal, elsewhere({ promote: true }));
    return 'settles on the second links';
  }

  return async () => {
    const node = head.snapshot().nodes.get(nodeId)?.record;
    if (node === undefined) return '';
    if (node.nextInterconnectPublicKey !== '') return end();
    readySinceMs = undefined;
    return begin(node);
  };
}
