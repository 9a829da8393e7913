// Shaper step: the chains of desired/nft-shaping.ts, and the class that they name.

import {
  classMap,
  type Direction,
  paceMap,
  shapedSet,
  sparesClasses,
  waitingClass,
} from '#internal/desired/desired.ts';
import { element, unitOf, valueOf } from './firewall-step.ts';
import type { Packet } from './packet.ts';
import type { Plane } from './plane.ts';
import type { Step } from './step.ts';

const rateText = (bitPerSecond: number): string => {
  for (const [unit, factor] of [
    ['G', 1e9],
    ['M', 1e6],
  ] as const)
    if (bitPerSecond >= factor) return `${bitPerSecond / factor}${unit}bit/s`;
  return `${bitPerSecond / 1e3}kbit/s`;
};

/** The length by which it is shaped, or undefined: it is not. */
export function shapedBy(plane: Plane, direction: Direction, packet: Packet, units: readonly number[]) {
  const address = direction === 'up' ? packet.from : packet.to;
  return units.find(
    (length) => element(plane, shapedSet(direction, packet.family, length), unitOf(address, length)) !== undefined,
  );
}

export interface Shaped {
  readonly packet: Packet;
  readonly units: readonly number[];
  /** The interface that it leaves by then. */
  readonly dev: string;
}

export function shaperStep(plane: Plane, direction: Direction, { packet, units, dev }: Shaped): Step {
  const where = direction === 'up' ? 'shaper up' : 'shaper down';
  const length = shapedBy(plane, direction, packet, units);
  if (length === undefined) return { where, verdict: 'passes', rule: `no rate ${direction}: not shaped`, evidence: '' };
  const { family } = packet;
  const address = direction === 'up' ? packet.from : packet.to;
  const found = element(plane, classMap(direction, family, length), unitOf(address, length));
  // As nft prints it: hexadecimal after the handle of the root.
  const minor = found === undefined ? waitingClass : Number.parseInt(valueOf(found)?.split(':')[1] ?? '', 16);
  const id = `1:${minor.toString(16)}`;
  const known = plane.get('class', `pop ${dev} ${id}`);
  const evidence = found === undefined ? `class ${id} of ${dev}` : `${classMap(direction, family, length)} ${found}`;
  const rate =
    known === undefined ? 'its class is not there, held in that of those that wait' : rateText(known.ceilBitPerSecond);
  const isPaced = element(plane, paceMap(direction, family, length), unitOf(address, length)) !== undefined;
  const past = isPaced && sparesClasses(plane.get('ruleset', 'pop')?.text ?? '', direction);
  const below = past ? 'past its class while it is well below its rate, else ' : '';
  const which = found === undefined ? 'no session, shares the class of those that wait: ' : '';
  return { where, verdict: 'limited', rule: `${below}${which}${rate}`, evidence };
}
