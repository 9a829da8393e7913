/**
 * Waits until `check` gives something other than undefined, null or false, or no longer throws, and gives that back.
 * After `withinMs` it fails with the last thing that `check` threw or gave. Asks every 10 ms.
 */
export async function eventually<T>(
  check: () => T | Promise<T>,
  withinMs: number,
): Promise<Exclude<NonNullable<T>, false>> {
  const deadline = performance.now() + withinMs;
  for (;;) {
    let failure: unknown;
    try {
      const found = await check();
      if (found !== undefined && found !== null && found !== false) return found as Exclude<NonNullable<T>, false>;
      failure = new Error(`not so within ${withinMs} ms: ${String(found)}`);
    } catch (thrown) {
      failure = thrown;
    }
    if (performance.now() > deadline) throw failure;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
