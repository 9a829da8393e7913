// Batch: many things in one go, and what to do when the tool refuses one of them.

import { Fault, messageOf } from '#internal/errors/errors.ts';

/** The tool answered and refused: some item of the batch is bad. Any other fault concerns the batch as a whole. */
export function rejected(message: string, cause?: unknown): Fault {
  return new Fault('rejected', message, cause);
}

export interface ItemFailure<T> {
  readonly item: T;
  readonly message: string;
}

/**
 * Sends items in batches of at most `size`, in order. A refused batch is halved and sent again until the bad items
 * stand alone, so `send` must be harmless to repeat. When the tool itself fails, nothing is repeated.
 * O(items) for good ones, O(log size) batches more for each bad one.
 */
export async function sendInBatches<T>(
  items: readonly T[],
  size: number,
  send: (batch: readonly T[]) => Promise<void>,
): Promise<readonly ItemFailure<T>[]> {
  const failures: ItemFailure<T>[] = [];
  for (let at = 0; at < items.length; at += size) {
    failures.push(...(await sendHalving(items.slice(at, at + size), send)));
  }
  return failures;
}

async function sendHalving<T>(
  batch: readonly T[],
  send: (batch: readonly T[]) => Promise<void>,
): Promise<readonly ItemFailure<T>[]> {
  try {
    await send(batch);
    return [];
  } catch (error) {
    const whole = !(error instanceof Fault && error.code === 'rejected');
    if (whole || batch.length === 1) return batch.map((item) => ({ item, message: messageOf(error) }));
    const half = batch.length >> 1;
    return [...(await sendHalving(batch.slice(0, half), send)), ...(await sendHalving(batch.slice(half), send))];
  }
}
