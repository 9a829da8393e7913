// Opened: the changes of peers with the keys that their steps want, for as long as it takes to send them.

import { setImmediate } from 'node:timers/promises';
import type { StepFailure } from '#internal/driver/driver.ts';
import { messageOf } from '#internal/errors/errors.ts';
import type { StepOf } from '#internal/plan/step.ts';
import type { PeerChange } from './backend.ts';
import type { Keyring } from './keyring.ts';
import { presharedKeyWanted } from './render.ts';

export interface PeerWork {
  readonly step: StepOf<'peer'>;
  readonly change: PeerChange;
}

/** What the keyring is to remember once the change is made. */
interface Keyed extends PeerWork {
  readonly entry?: { readonly place: string; readonly sealed: string; readonly key: string };
}

/** Keys opened before others have their turn: 2 ms. 10,000 take 1.3 s in all (measured). */
const slice = 16;

/** Those whose key does not open are left as they are. */
export async function opened(
  keyring: Keyring,
  work: readonly PeerWork[],
): Promise<{ readonly ready: readonly Keyed[]; readonly closed: readonly StepFailure[] }> {
  const ready: Keyed[] = [];
  const closed: StepFailure[] = [];
  let count = 0;
  for (const item of work) {
    const { step, change } = item;
    const sealed = presharedKeyWanted(step);
    if (sealed === undefined || change.op === 'remove') {
      ready.push(item);
      continue;
    }
    if (sealed === '') {
      ready.push({ step, change: { ...change, presharedKey: '' } });
      continue;
    }
    count += 1;
    if (count % slice === 0) await setImmediate();
    try {
      const key = keyring.open(sealed);
      ready.push({ step, change: { ...change, presharedKey: key }, entry: { place: step.key, sealed, key } });
    } catch (error) {
      closed.push({ step, message: messageOf(error) });
    }
  }
  return { ready, closed };
}
