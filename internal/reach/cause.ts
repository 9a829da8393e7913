// Cause: why an address of a tunnel is not reached, in plain words, out of what was asked and what is known.
//
// What answers is reached, whatever else is known. Else the first cause on the way from the records to the device is told: who
// is suspended needs to hear nothing of firewalls.

import { agoText } from '#internal/explain/explain.ts';

export interface Asked {
  /** TCP; 0: an echo. */
  readonly port: number;
  readonly rttMs?: number;
  readonly how: '' | 'echo' | 'open' | 'refused' | 'handshake';
  /** Why nobody has asked; empty: somebody has. */
  readonly problem: string;
}

/** What the node where the tunnel is, or would be, does with such a packet (internal/explain). */
export interface Explained {
  readonly verdict: string;
  /** Step that ended it, or the last. */
  readonly where: string;
  readonly rule: string;
  readonly cure: string;
  /** Where plan and kernel differ; empty: they do not. */
  readonly difference: string;
  /** Why the brake holds the newest records there; empty: it does not. */
  readonly held: string;
  /** Unix time, milliseconds; 0: none is known. */
  readonly handshakeMs: number;
}

export interface ReachFacts {
  readonly asked: Asked;
  readonly tunnel: {
    /** As a person may type it. */
    readonly ref: string;
    readonly enabled: boolean;
    /** Of the abuse desk; absent: none. */
    readonly suspendedFor?: string;
  };
  /** Where the tunnel is, or without a session its home. */
  readonly place: {
    readonly popId: string;
    /** The node there that was looked at; empty: none of them is heard. */
    readonly nodeId: string;
    /** It has carried out the tunnel's newest record. */
    readonly applied: boolean;
  };
  /** Undefined: the node has not said. */
  readonly explained: Explained | undefined;
  /** An echo by the node itself, past the tunnel's firewall: round trip in ms, `silent`, or undefined: not asked. */
  readonly direct: number | 'silent' | undefined;
  /** Of a port: whether the internet's echo of the same address was answered; undefined: it may not come in, or was not asked. */
  readonly echoed: boolean | undefined;
  readonly nowMs: number;
}

export type Cause =
  | 'reachable'
  | 'refused'
  | 'suspended'
  | 'disabled'
  | 'pop-away'
  | 'brake'
  | 'not-applied'
  | 'not-asked'
  | 'firewall'
  | 'given-up'
  | 'no-session'
  | 'not-led'
  | 'no-reply'
  | 'dropped';

export interface Finding {
  readonly cause: Cause;
  readonly reason: string;
  /** What helps; empty: nothing that its owner could do. */
  readonly cure: string;
}

/** REJECT_AFTER_TIME (WireGuard paper, 6.1): a session is dead unless it was renewed. */
const sessionMs = 180_000;

const finding = (cause: Cause, reason: string, cure = ''): Finding => ({ cause, reason, cure });

/** `0.4 ms`, `12 ms`. */
export const msText = (ms: number): string => `${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms`;

const connecting =
  'on the device: is WireGuard on, with the newest file, and its clock right? Some networks let no UDP out';

/** What stands in the records, or keeps a node from carrying them out. */
function ofRecords({ tunnel, place, explained }: ReachFacts): Finding | undefined {
  const { ref, enabled, suspendedFor } = tunnel;
  if (suspendedFor !== undefined)
    return finding('suspended', `the operators have stopped the tunnel: ${suspendedFor}`, 'ask the operators');
  if (!enabled) return finding('disabled', 'the tunnel is switched off', `pop44 tunnel enable ${ref}`);
  if (place.nodeId === '')
    return finding('pop-away', `no node of ${place.popId}, where the tunnel is, is heard by the others`);
  if (explained !== undefined && explained.held !== '')
    return finding('brake', `${place.nodeId} holds the newest records back: ${explained.held}`, 'ask the operators');
  if (!place.applied)
    return finding('not-applied', `${place.nodeId} has not carried out the newest change yet`, 'try again in a moment');
  if (explained !== undefined && explained.difference !== '')
    return finding(
      'not-applied',
      `${place.nodeId} is not as it should be, and mends itself: ${explained.difference}`,
      'try again in a moment',
    );
  return undefined;
}

function ofPacket({ verdict, where, rule, cure }: Explained): Finding | undefined {
  if (verdict === 'passes') return undefined;
  if (where === 'firewall') return finding('firewall', `the tunnel's firewall: ${rule}`, cure);
  if (where === 'blackhole') return finding('given-up', `the operators have given up this address: ${rule}`, cure);
  if (where === 'session') return finding('no-session', 'no device has connected with this tunnel yet', connecting);
  return finding('dropped', rule, cure);
}

function ofDevice({ asked, explained, direct, echoed, place, nowMs }: ReachFacts): Finding {
  const handshakeMs = explained?.handshakeMs ?? 0;
  const ageMs = nowMs - handshakeMs;
  // Its node answers for the device: whatever the handshake's age, it is there.
  if (typeof direct === 'number') {
    const reason = `the device answers ${place.nodeId} itself (${msText(direct)}), and not what comes from the internet: nobody on the way knows the address, or its answers do not go back through the tunnel`;
    if (asked.port === 0 || echoed === false)
      return finding(
        'not-led',
        reason,
        "on the device: AllowedIPs, or a route by source address; else the operators' upstreams",
      );
    return finding(
      'no-reply',
      `the device is connected and answers pings, and says nothing on port ${asked.port}: its own firewall, most likely`,
      `on the device: let TCP ${asked.port} in`,
    );
  }
  if (explained === undefined) return finding('no-reply', `nothing came back, and ${place.nodeId} does not say why`);
  if (handshakeMs > 0 && ageMs > sessionMs)
    return finding('no-session', `the device is not connected: its last handshake was ${agoText(ageMs)}`, connecting);
  const shaken = handshakeMs > 0 ? ` (last handshake ${agoText(ageMs)})` : '';
  const cure =
    'on the device: its own firewall, AllowedIPs of its file (everything, or what the address needs), and whether it has the address';
  return finding('no-reply', `the device is connected${shaken} and does not answer`, cure);
}

/** Total: there is always a cause. */
export function causeOf(facts: ReachFacts): Finding {
  const { asked, explained } = facts;
  const { how, rttMs = 0, port, problem } = asked;
  if (how === 'echo') return finding('reachable', `it answers in ${msText(rttMs)}`);
  if (how === 'open') return finding('reachable', `port ${port} is open, in ${msText(rttMs)}`);
  if (how === 'refused')
    return finding(
      'refused',
      `the device is reached in ${msText(rttMs)}, and nothing listens on port ${port}`,
      `on the device: start what is to answer on port ${port}, on this address`,
    );
  const known = ofRecords(facts) ?? (explained && ofPacket(explained));
  if (known !== undefined) return known;
  if (problem !== '') return finding('not-asked', `nobody could ask: ${problem}`, 'try again in a moment');
  return ofDevice(facts);
}
