// Every route: for tests that go through all pages or all forms of a site.

import { realClock } from '#internal/clock/clock.ts';
import { createSearch } from './console/search.ts';
import { createLimit } from './limit.ts';
import { routesOf } from './routes.ts';
import type { Route } from './visit.ts';
import { createWork } from './work.ts';

const newSecret = (): Buffer => Buffer.alloc(32);

/** Their methods and paths; what they do is to be asked of a running site. */
export const everyRoute = (kind: 'public' | 'console'): readonly Route[] =>
  routesOf(kind, {
    ...{ name: '', newSecret, reached: new Set(), search: createSearch(realClock) },
    ...{ work: createWork(newSecret(), 1, realClock, () => ''), withoutWork: createLimit(1, realClock) },
  });
