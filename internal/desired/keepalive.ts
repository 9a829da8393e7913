// Keepalive of links whose two ends both call, so that the one that comes last finds the other at once (else bring-up can
// wait 5 s, WireGuard's REKEY_TIMEOUT).
//
// The two ends must not call in step. Initiations that cross make both ends responders, neither of which takes the
// other's response; with 5 s on both, each next call crossed again, since a keepalive has no jitter and comes before
// the jittered retry, and the link stayed dead for half a minute and more. The first calls crossed in 2 of 40 raises of
// the lab; with different periods the second call got through, 5 s later (measured).

/** Seconds; no common factor, so that calls that cross once do not cross the next time. */
const earlierSeconds = 5;
const laterSeconds = 7;

/** `own` and `far` are what both ends know and order alike: ids, or addresses. */
export const keepaliveSeconds = (own: string, far: string): number => (own < far ? earlierSeconds : laterSeconds);
