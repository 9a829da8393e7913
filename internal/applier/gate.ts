// Gate: routes and addresses of the want that stand only in one role of the node, and as what.
//
// The want is the network half's and knows no role: a change of role must need neither it nor a snapshot. What the gate
// holds back is kept as it was asked for.

import type { Floating, Route } from '#internal/dataplane/dataplane.ts';

export interface Gate<T = Route> {
  /** Whether the role has a say in it. */
  concerns(value: T): boolean;
  /** As it is to stand now; undefined: it is not to stand. */
  admitted(value: T): T | undefined;
  /** What is asked for no more stays for now: who carries on while others take over loses nothing that comes until then. */
  holds?(): boolean;
}

/** Of one node. */
export interface Gates {
  readonly route: Gate;
  readonly floating: Gate<Floating>;
}

const open = { concerns: () => false, admitted: <T>(value: T): T => value };
/** Of a node that has no role but one. */
export const openGates: Gates = { route: open, floating: open };

export interface Gated<T = Route> {
  put(key: string, value: T): void;
  remove(key: string): void;
  clear(): void;
  /** Decides all anew; gives the keys that it has looked at. O(values). */
  again(): ReadonlySet<string>;
}

/** @param into the values of the want, which it keeps as they are to stand */
export function createGated<T>(gate: Gate<T>, into: Map<string, T>): Gated<T> {
  /** As asked for. */
  const concerned = new Map<string, T>();
  /** Of these, those that are asked for no more. */
  const held = new Set<string>();
  const holds = (): boolean => gate.holds?.() ?? false;
  function drop(key: string): void {
    held.delete(key);
    concerned.delete(key);
    into.delete(key);
  }
  function put(key: string, value: T): void {
    held.delete(key);
    if (gate.concerns(value)) concerned.set(key, value);
    else concerned.delete(key);
    const admitted = concerned.has(key) ? gate.admitted(value) : value;
    if (admitted === undefined) into.delete(key);
    else into.set(key, admitted);
  }
  return {
    put,
    remove: (key) => {
      if (concerned.has(key) && holds()) held.add(key);
      else drop(key);
    },
    clear: () => {
      concerned.clear();
      held.clear();
    },
    again: () => {
      const keys = new Set(holds() ? [] : held);
      for (const key of keys) drop(key);
      for (const [key, value] of [...new Map([...into, ...concerned])]) {
        if (!concerned.has(key) && !gate.concerns(value)) continue;
        const gone = held.has(key);
        put(key, value);
        if (gone) held.add(key);
        keys.add(key);
      }
      return keys;
    },
  };
}
