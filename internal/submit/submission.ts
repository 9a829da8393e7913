// Submission: a request on its way to its commit, and what it takes to get there.

import type { DescMessage, MessageInitShape, MessageShape } from '@bufbuild/protobuf';
import type { Unseen } from '#internal/allocator/allocator.ts';
import type { Clock } from '#internal/clock/clock.ts';
import type { Refusal } from '#internal/errors/errors.ts';
import type { Operation } from '#internal/gen/pop44/store/v1/records_pb.ts';
import type { Change, Changed } from '#internal/gen/pop44/v1/common_pb.ts';
import type { Snapshot } from '#internal/model/model.ts';
import type { Decision } from '#internal/model/record.ts';
import type { Forecast } from '#internal/reconcile/reconcile.ts';
import type { Principal } from '#internal/rpc/rpc.ts';
import type { LeaderFence } from '#internal/store/store.ts';
import type { Head } from './head.ts';
import type { LaneStore } from './lane.ts';

/** What submit needs of the store; its face says the same of outcomes and faults. */
export interface SubmitStore extends LaneStore {
  readOperation(requestId: string): Promise<{ readonly operation: Operation; readonly revision: bigint } | undefined>;
  currentRevision(): Promise<bigint>;
}

/** A request on its way to the daemon that leads its pool. */
export interface Forwarded {
  readonly poolId: string;
  readonly method: string;
  /** The request message, without its request id. */
  readonly request: Uint8Array;
  /** `admin/ada` */
  readonly principal: string;
  readonly requestId: string;
  /** PoP of the daemon that took it: where what names no home is homed. */
  readonly localPopId: string;
}

/** Who leads the pools. Without it, or without an answer, every request is carried out here, alone. */
export interface Lead {
  /** Of a pool that this daemon leads. */
  fence(poolId: string): LeaderFence | undefined;
  /**
   * The leader's answer. `unsent`: there is no leader within reach, nobody has heard of the request. `unanswered`: it may
   * have been carried out.
   */
  forward(request: Forwarded): Promise<LeaderAnswer | 'unsent' | 'unanswered'>;
}
export type LeaderAnswer = Refusal | { readonly response: Uint8Array; readonly changed: Changed };

export interface SubmitOptions {
  readonly head: Head;
  readonly store: SubmitStore;
  readonly clock: Clock;
  readonly nodeId: string;
  readonly newId: () => string;
  readonly lead?: Lead;
  /** What a dry run tells besides the records of the fabric. Absent: nothing. */
  readonly foresight?: Foresight;
}

export interface Foresight {
  /**
   * Whether a principal may hear of nodes, and of records about people: to others a dry run would tell who has an account, or
   * what the network is made of.
   */
  isFor(principal: Principal): boolean;
  /** What nodes would do; yields where others may run, and ends early when it is given true. */
  of(snapshot: Snapshot, decision: Decision): Generator<undefined, Forecast, boolean>;
}

export interface Decided<O extends DescMessage> {
  readonly decision: Decision;
  readonly response: MessageInitShape<O>;
}

export interface Submission<I extends DescMessage, O extends DescMessage> {
  /** gRPC path of the method. */
  readonly method: string;
  readonly input: I;
  readonly output: O;
  readonly request: MessageShape<I> & { change?: Change | undefined };
  readonly principal: Principal;
  /** Aborted when nobody waits for the answer any more. */
  readonly signal: AbortSignal;
  /**
   * Pure; called again with a newer snapshot. `alone`: other daemons decide at the same time, so a choice had better
   * not be the one that they make.
   */
  readonly decide: (snapshot: Snapshot, unseen: Unseen, alone: boolean) => Refusal | Decided<O>;
  /** The pool whose leader decides it best. */
  readonly led?: (snapshot: Snapshot) => string | undefined;
  /** Another daemon forwarded it. */
  readonly forwarded?: Pick<Forwarded, 'request' | 'requestId'>;
}

export interface Granted<O extends DescMessage> {
  /** As it was remembered: without `changed` and without etags. */
  readonly response: MessageShape<O>;
  /** The response as it was remembered; absent of a dry run, and of what another daemon carried out. */
  readonly bytes?: Uint8Array;
  readonly changed: Changed;
}

/**
 * Throws Fault `unavailable` (nothing was changed) or `pending` (it may have been; a repeat with the same request id
 * tells) within 2.5 s of losing the store.
 */
export type Submit = <I extends DescMessage, O extends DescMessage>(
  submission: Submission<I, O>,
) => Promise<Refusal | Granted<O>>;

/** The snapshot as it is once everything that was committed before the call is in. Faults as Submit's. */
export type Latest = (signal: AbortSignal) => Promise<Snapshot>;
