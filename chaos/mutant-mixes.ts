// Mutant mixes: traffic that makes one particular mistake show, where the usual mix would meet it only by luck.

import type { Clock } from '#internal/clock/clock.ts';
import { addressFrom, firstNumber, type Prefix, prefixFrom } from '#internal/netip/netip.ts';
import type { Ask } from './ask.ts';
import { askAllocate, askRelease } from './asks.ts';
import { pick, takeOne } from './choice.ts';
import type { Mixer } from './mix.ts';
import { idOf, trafficPools } from './pools.ts';

export type Mix = (client: number, clock: Clock) => (mixer: Mixer) => Ask | undefined;

const wide = trafficPools.wide.prefix as Prefix;

function allocateChosen({ newRequest, owners, random, memory }: Mixer, pool: string, prefix: Prefix): Ask {
  const owner = pick(owners, random) ?? '';
  return askAllocate({ request: newRequest(), owner, memory }, [{ pool, prefix }]);
}

function releaseOne({ newRequest, random, memory }: Mixer): Ask | undefined {
  const one = takeOne(memory.held, random);
  return one && askRelease({ request: newRequest(), memory }, [one]);
}

/** Addresses of the wide pool for each client: as many as it has, and eight clients. */
const addressesEach = 1n << 15n;

/** Nobody meets anybody: what a deposed leader chose is still free when it comes back, and nothing but the fence stops it. */
export const apart: Mix = (client) => {
  const first = firstNumber(wide) + BigInt(client) * addressesEach;
  let next = 0n;
  return (mixer) => {
    if (mixer.random() < 0.4) return releaseOne(mixer);
    const address = addressFrom(4, first + next);
    next = (next + 1n) % addressesEach;
    return allocateChosen(mixer, idOf('wide'), `${address}/32` as Prefix);
  };
};

const unitLengths = [32, 29, 28] as const;
const slabMs = 60;

/** All clients take from the same fresh slab at the same time, in units of three sizes: without its compare all cut it. */
export const freshSlabs: Mix = (_, clock) => (mixer) => {
  const turn = BigInt(Math.floor(clock.monotonicMs() / slabMs) % 1_024);
  const slab = firstNumber(wide) + turn * 256n;
  const length = pick(unitLengths, mixer.random) ?? 32;
  return allocateChosen(mixer, idOf('wide'), prefixFrom(4, slab + BigInt(Math.floor(mixer.random() * 256)), length));
};

const meeting = firstNumber(trafficPools.meeting.prefix as Prefix);

/** Everybody wants the same few addresses, and lets go of them at once. */
export const sameAddresses: Mix = () => (mixer) => {
  if (mixer.random() < 0.45) return releaseOne(mixer);
  const address = addressFrom(4, meeting + 32n + BigInt(Math.floor(mixer.random() * 16)));
  return allocateChosen(mixer, idOf('meeting'), `${address}/32` as Prefix);
};

/** Many places in the pool that the warden opens and closes all the time. */
export const underWarden: Mix = () => (mixer) => {
  if (mixer.random() < 0.45) return releaseOne(mixer);
  const address = addressFrom(4, meeting + BigInt(Math.floor(mixer.random() * 256)));
  return allocateChosen(mixer, idOf('meeting'), `${address}/32` as Prefix);
};
