// Routes: all pages of a site together.

import { accountRoutes } from './account-pages.ts';
import { consoleRoutes } from './console/console.ts';
import type { Reached } from './console/node-pages.ts';
import type { Search } from './console/search.ts';
import { loginRoutes } from './login-pages.ts';
import { type SignUpAround, signUpRoutes } from './sign-up-pages.ts';
import { tokenRoutes } from './token-pages.ts';
import { tunnelRoutes } from './tunnel-pages.ts';
import type { Route } from './visit.ts';

export interface RoutesAround extends SignUpAround {
  /** 32 random bytes. */
  readonly newSecret: () => Buffer;
  readonly search: Search;
  readonly reached: Reached;
}

export function routesOf(kind: 'public' | 'console', around: RoutesAround): readonly Route[] {
  const { newSecret, search, reached } = around;
  const tokens = tokenRoutes({ newSecret });
  const pages =
    kind === 'public'
      ? [...signUpRoutes(around), ...tunnelRoutes(), ...accountRoutes(), ...tokens]
      : consoleRoutes({ search, reached, tokens });
  return [...loginRoutes({ kind, newSecret }), ...pages];
}
