// Warden: a client that changes what the meeting pool may give, while the others take from it.

import type { Prefix } from '#internal/netip/netip.ts';
import type { Ask } from './ask.ts';
import { pick } from './choice.ts';
import { askFreeze, askReserve, askUnreserve } from './pool-asks.ts';
import { idOf } from './pools.ts';

/** Beside the places where the others meet, and in the midst of them. */
const reservable = ['44.37.0.16/28', '44.37.1.16/28', '44.37.2.128/25'].map((text) => text as Prefix);

/** One change after another, each undone by the next. */
export function wardenAsks(newRequest: () => string, random: () => number): () => Ask {
  const pool = idOf('meeting');
  let undo: (() => Ask) | undefined;
  return () => {
    if (undo !== undefined) {
      const ask = undo();
      undo = undefined;
      return ask;
    }
    const prefix = pick(reservable, random);
    if (prefix === undefined || random() < 0.4) {
      undo = () => askFreeze(newRequest(), pool, false);
      return askFreeze(newRequest(), pool, true);
    }
    undo = () => askUnreserve(newRequest(), pool, prefix);
    return askReserve(newRequest(), pool, prefix);
  };
}
