// Look up: a few values of what is there now, for a person's question.

import type { Item, Kind } from '#internal/dataplane/dataplane.ts';
import type { AnyDriver } from './face.ts';

/**
 * A fresh observation by the drivers of the kinds that are asked for: wg, tc and nft tell all or nothing (0.2 s for 10,000
 * peers on a busy machine; nft's elements are known from before unless another hand changed them). Nothing is believed of
 * it: the next comparison observes for itself.
 */
export async function lookUp(
  drivers: readonly AnyDriver[],
  keys: readonly (readonly [Kind, string])[],
): Promise<readonly Item[]> {
  const kinds = new Set(keys.map(([kind]) => kind));
  const asked = drivers.filter((driver) => driver.kinds.some((kind) => kinds.has(kind)));
  const found = Object.assign({}, ...(await Promise.all(asked.map((driver) => driver.observe())))) as Awaited<
    ReturnType<AnyDriver['observe']>
  >;
  return keys.flatMap(([kind, key]) => {
    const value = found[kind]?.get(key);
    // The kind names the value's type; the compiler does not follow the pair.
    return value === undefined ? [] : [[kind, value] as Item];
  });
}
