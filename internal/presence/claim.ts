// Claim: which node holds a tunnel, by which of its moves. Of two claims the one of the later move is right, so that nodes
// agree whatever they hear first (as MAC mobility of EVPN does: RFC 7432 7.7).

export interface Claim {
  readonly tunnelId: string;
  readonly nodeId: string;
  /** Counts the tunnel's moves from 1. */
  readonly sequence: number;
  /** Handshake that it moved with, Unix time, milliseconds. */
  readonly handshakeMs: number;
}

/** More moves than a tunnel makes: what claims more is no claim. */
const mostMoves = 2 ** 31;

export const isMove = (sequence: number): boolean =>
  Number.isSafeInteger(sequence) && sequence >= 1 && sequence < mostMoves;

/** A time that no integer holds could not be told on: no frame with it can be written. */
export const isClaim = ({ tunnelId, nodeId, sequence, handshakeMs }: Claim): boolean =>
  tunnelId !== '' && nodeId !== '' && isMove(sequence) && Number.isSafeInteger(handshakeMs) && handshakeMs >= 0;

/** Whether `claim` is right where both are known. The same move by two nodes, in a fabric cut in two: the lower id. */
export function outranks(claim: Claim, other: Claim): boolean {
  if (claim.sequence !== other.sequence) return claim.sequence > other.sequence;
  return claim.nodeId < other.nodeId;
}
