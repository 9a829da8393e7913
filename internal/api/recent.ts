// Recent: what is remembered of those who were heard of last.

/** Beyond that the longest silent one is forgotten. */
const most = 20_000;

/** The order of a map is that of insertion: what was set last stands last. */
export class Recent<T> {
  readonly #held = new Map<string, T>();
  get(key: string): T | undefined {
    return this.#held.get(key);
  }
  keys(): IterableIterator<string> {
    return this.#held.keys();
  }
  set(key: string, value: T): void {
    this.#held.delete(key);
    this.#held.set(key, value);
    for (const [oldest] of this.#held) {
      if (this.#held.size <= most) break;
      this.#held.delete(oldest);
    }
  }
  delete(key: string): void {
    this.#held.delete(key);
  }
}
