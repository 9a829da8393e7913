// Gate: routes of the want that stand only in one role of the node, and as what.
//
// The want is the network half's and knows no role: a change of role must need neither it nor a snapshot. What the gate
// holds back is kept as it was asked for.

import type { Route } from '#internal/dataplane/dataplane.ts';

export interface Gate {
  /** Whether the role has a say in it. */
  concerns(route: Route): boolean;
  /** As it is to stand now; undefined: it is not to stand. */
  admitted(route: Route): Route | undefined;
}

/** Of a node that has no role but one. */
export const openGate: Gate = { concerns: () => false, admitted: (route) => route };

export interface Gated {
  put(key: string, route: Route): void;
  remove(key: string): void;
  clear(): void;
  /** Decides all anew; gives the keys that it has looked at. O(routes). */
  again(): ReadonlySet<string>;
}

/** @param into the routes of the want, which it keeps as they are to stand */
export function createGated(gate: Gate, into: Map<string, Route>): Gated {
  /** As asked for. */
  const concerned = new Map<string, Route>();
  function put(key: string, route: Route): void {
    if (gate.concerns(route)) concerned.set(key, route);
    else concerned.delete(key);
    const admitted = concerned.has(key) ? gate.admitted(route) : route;
    if (admitted === undefined) into.delete(key);
    else into.set(key, admitted);
  }
  return {
    put,
    remove: (key) => {
      concerned.delete(key);
      into.delete(key);
    },
    clear: () => concerned.clear(),
    again: () => {
      const keys = new Set<string>();
      for (const [key, route] of [...new Map([...into, ...concerned])]) {
        if (!concerned.has(key) && !gate.concerns(route)) continue;
        put(key, route);
        keys.add(key);
      }
      return keys;
    },
  };
}
