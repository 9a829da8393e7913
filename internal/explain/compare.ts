// Compare: where plan and kernel differ, and what to do about a packet that does not pass.

import { addressBits } from '#internal/netip/netip.ts';
import { admittingCommand } from './firewall-step.ts';
import type { Scene } from './scene.ts';
import type { Step, Walk } from './step.ts';

const text = ({ verdict, rule }: Step): string => `${verdict}: ${rule}`;

/** The first step that differs, in words; the rest follows from it. Undefined: the kernel is as planned, this far. */
export function differenceOf(plan: Walk, kernel: Walk): string | undefined {
  const found = new Map(kernel.steps.map((step) => [step.where, step]));
  for (const planned of plan.steps) {
    const other = found.get(planned.where);
    if (planned.open && (other === undefined || other.open)) {
      // BGP's choice leads each on by another way, which is no mistake of ours.
      if (other?.verdict !== planned.verdict) return undefined;
      continue;
    }
    if (other === undefined) return `${planned.where}: planned is ${text(planned)}; the kernel's walk has no such step`;
    if (text(other) !== text(planned)) return `${planned.where}: planned is ${text(planned)}; found is ${text(other)}`;
  }
  return undefined;
}

/** Empty: there is nothing to be done by a command. */
export function cureOf(scene: Scene, { steps }: Walk): string {
  const { packet, source, target } = scene;
  const last = steps.at(-1);
  if (last === undefined || last.verdict === 'passes' || last.verdict === 'limited') return '';
  switch (last.where) {
    case 'firewall':
      return target === undefined ? '' : admittingCommand(target.ref, target.policy, packet);
    case 'blackhole':
      return last.evidence === `${packet.to}/${addressBits(packet.family)}` || last.evidence === ''
        ? `pop44 blackhole delete ${packet.to}`
        : '';
    case 'sender':
    case 'source':
      return source?.absence?.cure ?? '';
    case 'tunnel':
    case 'receiver':
      return target?.absence?.cure ?? '';
    default:
      return '';
  }
}
