// Lifelines: the sessions that a new text of BIRD must not lose all at once (adr/0018), as names of its protocols.
//
// What the records take away stands in no lifeline of the new text: it is not missed.

import type { Lifeline } from '#internal/dataplane/dataplane.ts';
import { Plane } from '#internal/gen/pop44/store/v1/records_pb.ts';
import { announcedEndpoint } from './endpoint.ts';
import type { View } from './self.ts';
import { innerPeers } from './inner.ts';
import { adjacencyName, innerSessionName, sessionName, upstreamSessionName } from './session-names.ts';

const families = [4, 6] as const;

const coresOf = ({ origin }: View): ReadonlySet<string> => new Set(origin.others.map(({ id }) => id));

/**
 * To COREs of other PoPs: a sibling that is cut off as well tells nothing about the fabric. Where OSPF is spoken, its adjacencies:
 * iBGP does not notice for seconds that a link is gone. O(legs + COREs).
 */
function coreSessions(view: View): readonly string[] {
  const cores = coresOf(view);
  return view.legs
    .filter(({ far }) => cores.has(far.id))
    .flatMap(({ interconnect, link, turn, ebgp, ospf }) => [
      ...(ebgp ? families.map((family) => sessionName(interconnect.id, turn, family)) : []),
      ...(ospf ? families.map((family) => adjacencyName(link, family)) : []),
    ]);
}

/** Where nothing else tells routes. O(COREs). */
function loopbackSessions(view: View): readonly string[] {
  if (view.inner === undefined || view.inner.beside) return [];
  const cores = coresOf(view);
  return families.flatMap((family) =>
    innerPeers(view, family)
      .filter(({ id }) => cores.has(id))
      .map(({ id }) => innerSessionName(id, family)),
  );
}

/** Of the families in which the plane has something to say: without an endpoint the transport plane has no session. */
function upstreamSessions({ upstreams, pop }: View, plane: Plane): readonly string[] {
  const speaks = {
    4: plane === Plane.POP || announcedEndpoint(pop, 4) !== '',
    6: plane === Plane.POP || announcedEndpoint(pop, 6) !== '',
  };
  return upstreams
    .filter((upstream) => upstream.plane === plane)
    .flatMap(({ id, neighbor4, neighbor6 }) => [
      ...(speaks[4] && neighbor4 !== '' ? [upstreamSessionName(id, 4)] : []),
      ...(speaks[6] && neighbor6 !== '' ? [upstreamSessionName(id, 6)] : []),
    ]);
}

export function lifelinesOf(view: View, plane: Plane): readonly Lifeline[] {
  const lines: readonly Lifeline[] = [
    { to: 'cores', sessions: plane === Plane.POP ? coreSessions(view) : [] },
    { to: 'loopbacks', sessions: plane === Plane.POP ? loopbackSessions(view) : [] },
    { to: 'upstreams', sessions: upstreamSessions(view, plane) },
  ];
  return lines.filter(({ sessions }) => sessions.length > 0);
}
