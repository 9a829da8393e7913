// Finding: what a doctor looks at, and what it says.

import type { Interconnect } from '#internal/gen/pop44/store/v1/records_pb.ts';
import type { AnycastGroupState } from '#internal/gen/pop44/v1/fabric_pb.ts';
import type { MailState } from '#internal/gen/pop44/v1/people_pb.ts';
import type { Pool } from '#internal/gen/pop44/v1/pools_pb.ts';
import type { GetMeshResponse, GetStatusResponse, MeshNode } from '#internal/gen/pop44/v1/status_pb.ts';

export interface Facts {
  readonly nowMs: number;
  readonly status: GetStatusResponse;
  readonly mesh: GetMeshResponse;
  readonly interconnects: readonly Interconnect[];
  readonly groups: readonly AnycastGroupState[];
  readonly pools: readonly Pool[];
  /** That wait to be sent; undefined: the caller may not know, or nobody who answers does. */
  readonly mails: readonly MailState[] | undefined;
  /** Of each node: why its daemon did not answer us, or undefined. */
  readonly reached: ReadonlyMap<string, { readonly code: string; readonly message: string } | undefined>;
  /** The largest of all tunnels; 0: there is none. */
  readonly largestTunnelMtu: number;
}

type Level = 'OK' | 'WARN' | 'FAIL';

export interface Finding {
  readonly level: Level;
  readonly check: string;
  readonly cause: string;
  /** Empty of what is OK. */
  readonly cure: string;
}
type Found = Omit<Finding, 'check'>;

export const warn = (cause: string, cure: string): Found => ({ level: 'WARN', cause, cure });
export const fail = (cause: string, cure: string): Found => ({ level: 'FAIL', cause, cure });

export interface Check {
  readonly name: string;
  readonly look: (facts: Facts) => readonly Found[];
  /** What is so when nothing was found. */
  readonly good: (facts: Facts) => string;
}

export const idOf = ({ state }: MeshNode): string => state?.node?.id ?? '';
