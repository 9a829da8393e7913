// Keys: where sessions and leaders stand in etcd, and what their values say.

import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { CandidateSchema } from '#internal/gen/pop44/store/v1/records_pb.ts';

/** Everything that an election follows. Ends with its slash: a prefix matches by bytes. */
export const electionPrefix = '/pop44/election/v1/';
const sessionsPrefix = `${electionPrefix}session/`;
const leadersPrefix = `${electionPrefix}leader/`;

/** A session is named by its lease, which etcd gives out once. */
export const sessionId = (leaseId: bigint): string => leaseId.toString(16);
export const sessionKey = (id: string): string => sessionsPrefix + id;
export const leaderKey = (poolId: string): string => leadersPrefix + poolId;

export type Parsed = { readonly session: string } | { readonly pool: string } | undefined;

export function parseKey(key: string): Parsed {
  if (key.startsWith(sessionsPrefix)) return { session: key.slice(sessionsPrefix.length) };
  return key.startsWith(leadersPrefix) ? { pool: key.slice(leadersPrefix.length) } : undefined;
}

export const encodeCandidate = (nodeId: string): Uint8Array =>
  toBinary(CandidateSchema, create(CandidateSchema, { nodeId }));

// As nodes are named everywhere: it goes on into logs and terminals.
const nodeIdSyntax = /^[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?$/;

/** The candidate's node, or undefined when somebody else wrote the value. */
export function decodeCandidate(value: Uint8Array): string | undefined {
  try {
    const { nodeId } = fromBinary(CandidateSchema, value);
    return nodeIdSyntax.test(nodeId) ? nodeId : undefined;
  } catch {
    return undefined;
  }
}
