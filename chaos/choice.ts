// Choice: one of several, at random.

export const pick = <T>(items: readonly T[], random: () => number): T | undefined =>
  items[Math.floor(random() * items.length)];

/** Takes it out; the order of the others is not kept. */
export function takeOne<T>(items: T[], random: () => number): T | undefined {
  const at = Math.floor(random() * items.length);
  const last = items.pop();
  if (last === undefined || at === items.length) return last;
  const chosen = items[at];
  items[at] = last;
  return chosen;
}
