// Nearest: places in the order of their distance, and the one for who has no wish of his own.

export interface Place {
  readonly popId: string;
  /** Of its node with the least to do: load of one minute for each processor. Undefined: none of them is heard. */
  readonly load: number | undefined;
  /** There and back, milliseconds; undefined: not measured. */
  readonly rttMs: number | undefined;
}

export interface Ranked<P extends Place> {
  readonly places: readonly P[];
  /** Empty: there is no place. */
  readonly proposed: string;
  readonly by: '' | 'nearest' | 'least-loaded';
}

/**
 * One process more for each processor: what is less is noise of the last minute, and a choice that changes with it is none
 * that a person understands.
 */
const worthAnotherPlace = 1;

/** What was measured first, by distance; then by load, where the place that was asked stands before others; last who is not heard. */
export function ranked<P extends Place>(places: readonly P[], ownPopId: string): Ranked<P> {
  const loadOf = ({ popId, load = Number.POSITIVE_INFINITY }: P): number =>
    popId === ownPopId ? load - worthAnotherPlace : load;
  const order = (a: P, b: P): number => {
    const [near, far] = [a.rttMs ?? Number.POSITIVE_INFINITY, b.rttMs ?? Number.POSITIVE_INFINITY];
    if (near !== far) return near - far;
    const [less, more] = [loadOf(a), loadOf(b)];
    if (less !== more) return less - more;
    return a.popId < b.popId ? -1 : 1;
  };
  const sorted = places.toSorted(order);
  const [first] = sorted;
  if (first === undefined) return { places: sorted, proposed: '', by: '' };
  return { places: sorted, proposed: first.popId, by: first.rttMs === undefined ? 'least-loaded' : 'nearest' };
}
