// Failure: what the death of a node, all at once, would cost each of its tunnels, by DESIGN, section 7, and by what was
// measured of takeovers and of stock WireGuard.

export type OutageWay = 'none' | 'called' | 'by itself' | 'until back' | 'away';

/** A client as the node, or its sibling, has heard it. */
export interface Heard {
  readonly handshakeAgeMs: number;
  readonly rttMs?: number;
}

export interface FailingNode {
  readonly nodeId: string;
  /** It speaks for its PoP now. */
  readonly active: boolean;
  readonly sibling?: {
    readonly nodeId: string;
    /** Why it would not take over; empty: it would. */
    readonly hindrance: string;
    /** Milliseconds that its clock is ahead of the network's. */
    readonly aheadMs: number;
  };
  /** Its upstreams hear of its end by BFD. */
  readonly watched: boolean;
  /** Where clients are is known: who was not heard is not there. */
  readonly informed: boolean;
}

export interface Outage {
  readonly way: OutageWay;
  readonly expectedMs?: number;
  readonly latestMs?: number;
  readonly reason: string;
}

/** BFD of 100 ms times 3 since its last packet, a look of the machine of roles and another that confirms it (internal/duty). */
const detectedMs = 300;
/** The last packet went out just before; looks of a busy machine. */
const detectionSlackMs = 100;
/** 1,000 clients were all back 1.35 s after the first (measured). */
const callMs = 1.35;
/** internal/duty/caller.ts. */
const leastGapMs = 100;
const longestGapMs = 1_600;
/** Takeovers by a clock that is more ahead call nobody (cmd/pop44d/duty.ts). */
const mostAheadMs = 50;
/** WireGuard paper 6: KEEPALIVE_TIMEOUT 10 s and REKEY_TIMEOUT 5 s until a client that sends finds out. */
const stockSenderMs = 15_000;
/** REKEY_AFTER_TIME, and the keepalive of our files: until one that is silent finds out (131 s measured of 145). */
const rekeyAfterMs = 120_000;
const keepaliveMs = 25_000;
/** REJECT_AFTER_TIME: a client without a handshake for longer has no session that could end. */
const sessionMs = 180_000;
/** BIRD's own hold time (bird.network.cz, BGP); a neighbour may want a shorter one. */
const holdMs = 240_000;
/** Of whom nothing was measured: within a continent. */
const usualTripMs = 50;

/** When an answer comes to a call whose gap is `gapMs` and doubles: whoever is farther than a gap does not hear the next call in time. */
function answeredMs(gapMs: number, rttMs: number): number {
  let calledMs = 0;
  for (let gap = gapMs; gap <= rttMs && gap < longestGapMs; gap = Math.min(longestGapMs, gap * 2)) calledMs += gap;
  return calledMs + rttMs;
}

/** @param place how many are called before it */
function called(heard: Heard | undefined, place: number, sibling: string): Outage {
  const rttMs = heard?.rttMs;
  const tripMs = rttMs ?? usualTripMs;
  const gapMs = Math.max(leastGapMs, 2 * (rttMs ?? 0));
  // There and back for the handshake, and once more for what was waiting.
  const expectedMs = detectedMs + place * callMs + answeredMs(gapMs, tripMs) + tripMs;
  // One answer is lost while the endpoint moves.
  const latestMs = expectedMs + detectionSlackMs + gapMs + 2 * callMs * place;
  const asNumber = heard === undefined ? '' : ` as number ${place + 1}`;
  const far = rttMs === undefined ? '; how far it is was not measured' : '';
  return { way: 'called', expectedMs, latestMs, reason: `${sibling} calls it${asNumber}${far}` };
}

function byItself(heard: Heard | undefined, why: string): Outage {
  const silentMs = Math.max(0, rekeyAfterMs - (heard?.handshakeAgeMs ?? 0)) + keepaliveMs;
  return {
    way: 'by itself',
    expectedMs: stockSenderMs,
    latestMs: Math.max(stockSenderMs, silentMs),
    reason: `${why}: 15 s when it sends, longer when it is silent`,
  };
}

/** Where the sibling, if any, would leave a client that lives on the node. */
function outageOf(node: FailingNode, heard: Heard | undefined, place: number): Outage {
  const { sibling, active, watched, informed } = node;
  if (!active) return { way: 'none', expectedMs: 0, latestMs: 0, reason: `${node.nodeId} does not carry it` };
  if (sibling === undefined) return { way: 'until back', reason: `${node.nodeId} has no sibling` };
  if (sibling.hindrance !== '') return { way: 'until back', reason: sibling.hindrance };
  if (heard === undefined && informed) return { way: 'away', reason: 'it has not been heard here' };
  if (heard !== undefined && heard.handshakeAgeMs > sessionMs) return { way: 'away', reason: 'it has no session' };
  if (!watched) {
    const reason = 'its upstreams have no BFD, and keep its endpoint for the hold time of BGP';
    return { way: 'called', expectedMs: holdMs, latestMs: holdMs, reason };
  }
  if (sibling.aheadMs > mostAheadMs)
    return byItself(
      heard,
      `the clock of ${sibling.nodeId} is ${Math.round(sibling.aheadMs)} ms ahead: it calls nobody`,
    );
  return called(heard, heard === undefined ? 0 : place, sibling.nodeId);
}

/** By tunnel, the worst first. O(tunnels log tunnels). */
export function outagesOf<T>(
  node: FailingNode,
  tunnels: readonly { readonly tunnel: T; readonly heard?: Heard }[],
): readonly { readonly tunnel: T; readonly heard?: Heard; readonly outage: Outage }[] {
  const ages = ({ heard }: { readonly heard?: Heard }): number => heard?.handshakeAgeMs ?? Number.POSITIVE_INFINITY;
  const worth = ({ expectedMs, way }: Outage): number => expectedMs ?? (way === 'until back' ? Number.MAX_VALUE : -1);
  return tunnels
    .toSorted((a, b) => ages(a) - ages(b) || 0)
    .map((each, place) => ({ ...each, outage: outageOf(node, each.heard, place) }))
    .toSorted((a, b) => worth(b.outage) - worth(a.outage));
}

/** In words, of the node as a whole. */
export function failureText({ nodeId, active, sibling, watched }: FailingNode): string {
  if (!active) return `${nodeId} does not carry its PoP: its end costs no tunnel anything`;
  if (sibling === undefined) return `${nodeId} has no sibling: its tunnels are down until it is back`;
  if (sibling.hindrance !== '') return `${sibling.hindrance}: the tunnels of ${nodeId} are down until it is back`;
  const ahead = sibling.aheadMs > mostAheadMs ? ', and calls nobody, because its clock is ahead' : '';
  return `${sibling.nodeId} takes over ${watched ? 'in 0.3 s' : 'when the hold time of BGP is over'}${ahead}`;
}
