// Pages: all of a list that comes in pages.

import type { Freshness } from '#internal/gen/pop44/v1/common_pb.ts';
import type { Session } from './session.ts';

interface Page<T> {
  readonly items: readonly T[];
  readonly nextPageToken: string;
  readonly freshness?: Freshness | undefined;
}

// The most that a request may ask for.
const pageSize = 1_000;

/** Warns once when the answers are old. */
export async function allPages<T>(
  session: Session,
  ask: (page: { readonly pageSize: number; readonly pageToken: string }) => Promise<Page<T>>,
): Promise<readonly T[]> {
  const all: T[] = [];
  let pageToken = '';
  do {
    const page = await ask({ pageSize, pageToken });
    all.push(...page.items);
    pageToken = page.nextPageToken;
    if (pageToken === '') session.aged(page.freshness);
  } while (pageToken !== '');
  return all;
}
