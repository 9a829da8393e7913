// Mix: what a client asks for next, drawn from its seed and from what it holds.

import type { Ask } from './ask.ts';
import { askAllocate, askCreateTunnel, askDeleteTunnel, askRelease, type Wishes } from './asks.ts';
import { pick, takeOne } from './choice.ts';
import type { Memory } from './memory.ts';
import { askDelegate, askDeletePool } from './pool-asks.ts';
import { idOf, isRoot } from './pools.ts';

export interface Mixer {
  readonly memory: Memory;
  readonly owners: readonly string[];
  readonly pops: readonly string[];
  readonly random: () => number;
  /** One that nobody ever used. */
  readonly newRequest: () => string;
}

type Draw = (mixer: Mixer) => Ask | undefined;

const ownerOf = ({ owners, random }: Mixer): string => pick(owners, random) ?? '';

const allocating =
  (wishes: (mixer: Mixer) => Wishes): Draw =>
  (mixer) =>
    askAllocate({ request: mixer.newRequest(), owner: ownerOf(mixer), memory: mixer.memory }, wishes(mixer));

/** Clients shall meet here: few places, of two sizes that share slabs. */
function chosen({ random }: Mixer): Wishes {
  const at = Math.floor(random() * 64);
  const slab = `44.37.${at % 4}`;
  const prefix = random() < 0.8 ? `${slab}.${at}/32` : `${slab}.${8 * Math.floor(at / 8)}/29`;
  return [{ pool: idOf('meeting'), prefix }];
}

const release: Draw = ({ memory, newRequest, random }) => {
  const one = takeOne(memory.held, random);
  return one && askRelease({ request: newRequest(), memory }, [one]);
};

const createTunnel: Draw = (mixer) => {
  const { memory, newRequest, random } = mixer;
  const wide: Wishes = [
    { pool: idOf('wide'), length: 32 },
    { pool: idOf('wide6'), length: 64 },
  ];
  const held = random() < 0.5 ? takeOne(memory.held, random) : undefined;
  // The answer does not say of which pool a prefix is, so that one of a delegated pool would look like its parent's.
  const fits = held !== undefined && isRoot(held.poolId);
  if (held !== undefined && !fits) memory.held.push(held);
  const owner = fits ? held.owner : ownerOf(mixer);
  return askCreateTunnel({ request: newRequest(), owner, memory }, wide, fits ? held : undefined);
};

const deleteTunnel: Draw = ({ memory, newRequest, random }) => {
  const tunnel = takeOne(memory.tunnels, random);
  return tunnel && askDeleteTunnel({ request: newRequest(), memory }, tunnel);
};

const delegate: Draw = ({ memory, newRequest, random, pops }) =>
  askDelegate(newRequest(), memory, { pool: idOf('wide'), length: 28, popId: pick(pops, random) ?? '' });

const fromDelegated: Draw = (mixer) => {
  const pool = pick(mixer.memory.delegated, mixer.random);
  return pool === undefined ? undefined : allocating(() => [{ pool, length: 32 }])(mixer);
};

const deletePool: Draw = ({ memory, newRequest, random }) => {
  const id = takeOne(memory.delegated, random);
  return id === undefined ? undefined : askDeletePool(newRequest(), memory, id);
};

/** Weights; together 100. */
const draws: readonly (readonly [weight: number, draw: Draw])[] = [
  [24, allocating(() => [{ pool: idOf('wide'), length: 32 }])],
  // What is given back there stays in quarantine for as long as a run lasts, and is shown by every look.
  [4, allocating(() => [{ pool: idOf('still'), length: 32, count: 2 }])],
  [8, allocating(() => [{ pool: idOf('wide'), length: 29 }])],
  [
    4,
    allocating(() => [
      { pool: idOf('wide6'), length: 64 },
      { pool: idOf('wide6'), length: 56 },
    ]),
  ],
  [
    4,
    allocating(() => [
      { pool: idOf('wide'), length: 32 },
      { pool: idOf('wide6'), length: 64 },
    ]),
  ],
  [18, allocating(chosen)],
  [22, release],
  [4, createTunnel],
  [4, deleteTunnel],
  [2, delegate],
  [3, fromDelegated],
  [3, deletePool],
];

/** Of one client. From here on it gives back more than it asks for: an hour's run weighs no more than a minute's. */
const mostHeld = 120;
const releaseShare = 0.6;

/** Undefined: what was drawn needs something that the client does not hold. */
export function nextAsk(mixer: Mixer): Ask | undefined {
  if (mixer.memory.held.length > mostHeld && mixer.random() < releaseShare) return release(mixer);
  let left = mixer.random() * 100;
  for (const [weight, draw] of draws) {
    left -= weight;
    if (left < 0) return draw(mixer);
  }
  return undefined;
}
