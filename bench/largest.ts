// Largest: how much something carries, by steps up and then by halves.

export interface Search {
  /** First try; above 0. */
  readonly first: number;
  readonly most: number;
  /** By which the next try is larger until one fails; above 1. */
  readonly growth: number;
  /** Tries at most. */
  readonly tries: number;
  /** How near the answer is wanted: 0.05 for 5 %. */
  readonly within: number;
}

/**
 * The largest whole number at which `carries` held, where all smaller ones hold too; 0 when it never did. Grows from
 * the first try until it fails, then halves the gap until that is small enough or the tries are over.
 */
export async function largest(
  { first, most, growth, tries, within }: Search,
  carries: (n: number) => Promise<boolean>,
): Promise<number> {
  let [held, failed] = [0, most + 1];
  let next = Math.min(first, most);
  for (let left = tries; left > 0 && failed - held > 1 && failed - held > within * held; left -= 1) {
    if (await carries(next)) held = next;
    else failed = next;
    next = failed > most ? Math.min(most, Math.ceil(growth * held)) : Math.round((held + failed) / 2);
    if (next <= held || next >= failed) break;
  }
  return held;
}
