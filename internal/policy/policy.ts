// Policy: who may call what, and for whose things: one table of methods, roles and owners.
//
// On the path: the one interceptor of all services asks it at every call, and every decision asks it again with the snapshot
// that it is made on.
// Never: knows how a call comes in, looks at a password, or lets through a method that has no row.

export type { Actor, Role } from './actor.ts';
export { actorOf } from './actor.ts';
export { judge, narrowed, sees } from './judge.ts';
export type { Cell, Row, Scope } from './table.ts';
export { columns, rows } from './table.ts';
