// Client: typed calls to the daemons that a context names, whichever of them answers.
//
// On the path: the CLI, the console and the lab open a context and call; a daemon that is away is stepped over.
// Never: repeats a change without its request id, or asks another daemon when one was picked by name.

export { bearerOf, loginFileOf, readBearer, removeBearer, writeBearer } from './bearer.ts';
export type { Context, Daemon } from './context.ts';
export { livingLabs, readContext } from './context.ts';
export type { FindOptions } from './find-context.ts';
export { findContext } from './find-context.ts';
export type { LabExecOptions } from './lab-exec.ts';
export { enterMachineArgv, labExecArgv, machinesDirectory } from './lab-exec.ts';
export type { NamedContext } from './named-contexts.ts';
export { addContext, deleteContext, namedContexts, useContext } from './named-contexts.ts';
export type { Client, ClientOptions } from './open.ts';
export { openClient } from './open.ts';
