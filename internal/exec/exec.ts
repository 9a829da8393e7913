// Exec: the one place that starts processes.
//
// On the path: drivers, etcd's keeper and the lab call it with argv arrays; programs run in the C locale with an
// environment of their own and a deadline. `netns` is the path of a namespace's file, entered by nsenter(1).
// Never: a shell, a secret in argv (give it as input), an inherited environment.

export { type DetachedOptions, spawnDetached } from './detached.ts';
export { type KeepOptions, keep, type Kept } from './keep.ts';
export { type OnSocketOptions, runOnSocket } from './on-socket.ts';
export type { Command } from './program.ts';
export { type RunOptions, run, type RunOutput } from './run.ts';
