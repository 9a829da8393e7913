// Lab: pop44 in a small internet of its own, three nodes with everything they start, on one machine.
//
// On the path: `npm start`, the netns tests, bench and chaos raise it. startLab does so in fresh namespaces and speaks
// from outside; raiseWorld and raiseLab where the caller already stands in network, mount and process namespaces.
// Never: touches the machine's own network, or leaves anything behind.

export { adminContext } from './admin.ts';
export { banner } from './banner.ts';
export { type CheckResult, checkLab } from './check.ts';
export type { LabContext } from './context.ts';
export type { ExecOptions } from './machines.ts';
export { insideDirectory } from './places.ts';
export { preflight } from './preflight.ts';
export { raiseLab } from './raise.ts';
export type { Service } from './service.ts';
export { type InsideWord, type StartedLab, type StartOptions, startLab } from './start.ts';
export type { AccessName, LabNode } from './topology.ts';
export { startWebProcess } from './web-process.ts';
export { raiseWorld, type Step, type World, type WorldOptions } from './world.ts';
