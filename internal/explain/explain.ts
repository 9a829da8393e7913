// Explain: walks one packet through what a node should do with it, and through what its kernel does; and says what the death of
// a node would cost its tunnels.
//
// On the path: api makes a scene of a question, walks the plan and, with what the privileged half answers, the kernel,
// and tells where the two differ.
// Never: touches the world, reads a clock, or decides what is wanted; desired words the chains that are mirrored here.

export { type Absence, absenceOf } from './absence.ts';
export { cureOf, differenceOf } from './compare.ts';
export { type FailingNode, failureText, type Heard, type Outage, outagesOf } from './failure.ts';
export { type Answer, kernelWalk } from './kernel.ts';
export { agoText } from './peer-step.ts';
export { flowText, hasPorts, icmp, type Packet, within } from './packet.ts';
export { type Asked, plannedPlane } from './plane.ts';
export type { Party, Scene } from './scene.ts';
export type { Step, Verdict, Walk } from './step.ts';
export { walk } from './walk.ts';
