// Text of nft's language that both tables are put together from.

import { accessLinks, accessPrefix } from '#internal/dataplane/ownership.ts';

export const chain = (name: string, ...lines: readonly string[]): string =>
  [`chain ${name} {`, ...lines.map((line) => `\t${line}`), '}'].join('\n');

/**
 * Both access interfaces, whichever there are, so that a ruleset need not be replaced when one comes or goes; and others
 * that are treated alike.
 */
export const accessAnd = (...others: readonly string[]): string =>
  `{ ${[...accessLinks, ...others].map((link) => `"${link}"`).join(', ')} }`;
/** The same as a comparison of its first characters, which costs a packet less than a look into a set. */
export const anyAccess = `"${accessPrefix}*"`;
