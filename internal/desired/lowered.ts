// Lowered: how a node that is about to go says so to its BGP neighbours, so that they send elsewhere while it still carries what
// comes (GRACEFUL_SHUTDOWN, RFC 8326).

import { loweredMetric } from '#internal/dataplane/ownership.ts';

/** RFC 8326 5. */
const gracefulShutdown = '(65535, 0)';

export const lowered = `bgp_community.add(${gracefulShutdown});`;

/**
 * Below BGP's 100 and above an aggregate's: the node itself sends to who has taken over as soon as it knows of a way, and BIRD's route
 * (metric 32) stands beside its own before that is taken away.
 */
const loweredPreference = 90;

/** In import filters of kernel routes: the privileged half has given them this metric. */
export const loweredText = `if krt_metric = ${loweredMetric} then { preference = ${loweredPreference}; ${lowered} }`;

/** In import filters of neighbours (RFC 8326 4.1). */
export const loweredHere = `if ${gracefulShutdown} ~ bgp_community then bgp_local_pref = 0;`;
