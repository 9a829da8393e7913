// Upstream kind: transit sessions as list, get, describe and watch show them.

import type { Upstream } from '#internal/gen/pop44/store/v1/records_pb.ts';
import type { Kind } from './kind.ts';
import { yesNo } from './layout.ts';
import { refusalColumns, refusalsOf } from './paths.ts';
import { upstreamColumns } from './upstream-columns.ts';

/** Which have a password is no part of a record that is shown: the answer says it beside. */
export function upstreamKind(): Kind<Upstream> {
  let signed: ReadonlySet<string> = new Set();
  return {
    noun: 'upstream',
    many: 'transit sessions',
    named: 'id',
    async ask(session) {
      const { upstreams, withPassword, freshness } = await (await session.client()).fabric.listUpstreams({});
      signed = new Set(withPassword);
      return { items: upstreams, freshness };
    },
    names: ({ id }) => [id],
    columns: [...upstreamColumns, ['password', ({ id }) => yesNo(signed.has(id))]],
    async related(session, { id }) {
      const mesh = await (await session.client()).status.getMesh({});
      await session.section(
        refusalsOf(mesh).filter(({ neighbourId }) => neighbourId === id),
        refusalColumns,
      );
    },
  };
}
