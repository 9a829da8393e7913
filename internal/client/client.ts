// Client: typed calls to the daemons that a context names, whichever of them answers.
//
// On the path: the CLI, the console and the lab open a context and call; a daemon that is away is stepped over.
// Never: repeats a change without its request id, or asks another daemon when one was picked by name.

export { bearerOf, loginFileOf, readBearer, removeBearer, writeBearer } from './bearer.ts';
export type { Context, Daemon, FindOptions } from './context.ts';
export { findContext, livingLabs, readContext } from './context.ts';
export type { LabExecOptions } from './lab-exec.ts';
export { enterMachineArgv, labExecArgv, machinesDirectory } from './lab-exec.ts';
export type { Client, ClientOptions } from './open.ts';
export { openClient } from './open.ts';
