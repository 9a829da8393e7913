// Console: its pages together, for who has a role; a user is sent to where its own things are.

import { html } from '../html.ts';
import { meOf } from '../me.ts';
import { own, type Route } from '../visit.ts';
import { auditRoutes } from './audit-pages.ts';
import { networkRoutes } from './network-pages.ts';
import { type Reached, nodeRoutes } from './node-pages.ts';
import { poolRoutes } from './pool-pages.ts';
import type { Search } from './search.ts';
import { consoleTunnelRoutes } from './tunnel-pages.ts';
import { userRoutes } from './user-pages.ts';

/** Daemons refuse a user each of these; here it is told so once, in words. */
const withRole = (route: Route): Route => ({
  ...route,
  handle: async (visit) => {
    const me = await meOf(visit);
    if (me.role !== 'user') return route.handle(visit);
    const text = 'The console is for operators. Your tunnels are on the public site.';
    return {
      page: { title: 'Not allowed', body: html`<h1>Not for this account</h1><p class="lead">${text}</p>`, me },
      status: 403,
    };
  },
});

export interface ConsoleAround {
  readonly search: Search;
  readonly reached: Reached;
  /** As on the public site. */
  readonly tokens: readonly Route[];
}

export const consoleRoutes = ({ search, reached, tokens }: ConsoleAround): readonly Route[] =>
  [
    ...[...networkRoutes, ...nodeRoutes(reached), ...poolRoutes, ...consoleTunnelRoutes(search)],
    ...[...userRoutes, ...auditRoutes, ...tokens],
  ]
    .map(withRole)
    .map(own);
