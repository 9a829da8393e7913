// Access links: which of a PoP's two access interfaces carry its keys (adr/0017).

import { type AccessLink, accessLinks } from '#internal/dataplane/ownership.ts';
import type { Pop } from '#internal/gen/pop44/store/v1/records_pb.ts';

/** The one with the current key, and while that is rotated the one with the next. Names take turns. */
export function accessLinksOf({ accessKeyGeneration, nextAccessKey }: Pop): readonly [AccessLink, AccessLink?] {
  const [first, second] = accessLinks;
  const [current, other] = accessKeyGeneration % 2 === 0 ? [first, second] : [second, first];
  return nextAccessKey === undefined ? [current] : [current, other];
}

export type AccessLinks = ReturnType<typeof accessLinksOf>;

/** What is sent to a tunnel goes where it last shook hands, as long as that is one of these. */
export const reachedBy = (links: AccessLinks, lastOn: string | undefined): AccessLink =>
  links.find((link) => link === lastOn) ?? links[0];
