// Counts: what BGP sessions have brought, out of `show protocols all`. A session that is down tells none.

import type { BgpCounts } from '#internal/dataplane/dataplane.ts';
import type { ReplyLine } from './parse.ts';

/** Lines of one protocol: the first has its name and what it is. */
function blocksOf(lines: readonly ReplyLine[]): readonly (readonly string[])[] {
  const blocks: string[][] = [];
  for (const { code, text } of lines) {
    if (code === 1002) blocks.push([text]);
    else if (code === 1006) blocks.at(-1)?.push(text);
  }
  return blocks;
}

function countsOf(lines: readonly string[]): readonly BgpCounts[] {
  const [first = '', ...rest] = lines;
  const [session, type] = first.trim().split(/\s+/);
  if (session === undefined || type !== 'BGP') return [];
  const found = (pattern: RegExp): readonly (string | undefined)[] | undefined => {
    for (const line of rest) {
      const match = pattern.exec(line);
      if (match !== null) return match.slice(1);
    }
    return undefined;
  };
  // One channel each (desired/bird.ts).
  const [family] = found(/^\s+Channel ipv([46])$/) ?? [];
  const updates = found(/^\s+Import updates:\s+(\d+|---)\s+(\d+|---)\s+(\d+|---)\s+(\d+|---)\s+(\d+|---)$/);
  if (family === undefined || updates === undefined) return [];
  const [received = 0, rejected = 0, filtered = 0, ignored = 0, accepted = 0] = updates.map((text) =>
    text === '---' ? 0 : Number(text),
  );
  const [imported = '0'] = found(/^\s+Routes:\s+(\d+) imported/) ?? [];
  const [limit, hit] = found(/^\s+Import limit:\s+(\d+)(?: (\[HIT\]))?$/) ?? [];
  return [
    {
      ...{ session, family: family === '4' ? 4 : 6, imported: Number(imported) },
      ...{ received, rejected, filtered, ignored, accepted },
      ...(limit === undefined ? {} : { limit: Number(limit) }),
      limitHit: hit !== undefined,
    },
  ];
}

export const parseBgpCounts = (lines: readonly ReplyLine[]): readonly BgpCounts[] => blocksOf(lines).flatMap(countsOf);
