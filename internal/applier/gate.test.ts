import { expect, test } from 'vitest';
import type { Route } from '#internal/dataplane/dataplane.ts';
import { createGated, type Gate, openGates } from './gate.ts';

const route = (prefix: string, dev = 'p44w0'): Route => ({ netns: 'pop', table: 4401, prefix, type: 'unicast', dev });
const home = route('44.31.0.0/24');
const other = route('44.31.1.0/24', 'p44i-p1-p2');

function gated(start: 'shut' | 'open') {
  let now = start;
  const gate: Gate = {
    concerns: ({ dev }) => dev === 'p44w0',
    admitted: (asked) => (now === 'open' ? { ...asked, metric: 7 } : undefined),
  };
  const into = new Map<string, Route>();
  return { into, routes: createGated(gate, into), turn: (next: 'shut' | 'open') => (now = next) };
}

test('a route that the role keeps back comes and goes with it, as it was asked for; others stand [N7]', () => {
  const { into, routes, turn } = gated('shut');
  routes.put('home', home);
  routes.put('other', other);
  expect([...into]).toEqual([['other', other]]);
  turn('open');
  expect([...routes.again()]).toEqual(['home']);
  expect(into.get('home')).toEqual({ ...home, metric: 7 });
  turn('shut');
  expect([...routes.again()]).toEqual(['home']);
  expect([...into]).toEqual([['other', other]]);
});

test('what is kept back is forgotten when it is asked for no more', () => {
  const { into, routes, turn } = gated('shut');
  routes.put('home', home);
  routes.remove('home');
  turn('open');
  expect(routes.again().size).toBe(0);
  routes.put('home', home);
  routes.clear();
  into.clear();
  expect(routes.again().size).toBe(0);
});

test('what is asked for no more stays while the gate holds, and goes when it does not', () => {
  let holds = true;
  const into = new Map<string, Route>();
  const gate: Gate = { concerns: () => true, admitted: (asked) => ({ ...asked, metric: 9 }), holds: () => holds };
  const routes = createGated(gate, into);
  routes.put('home', home);
  routes.put('other', other);
  routes.remove('home');
  expect([...routes.again()].sort()).toEqual(['home', 'other']);
  expect([...into.keys()].sort()).toEqual(['home', 'other']);
  routes.remove('other');
  routes.put('other', other);
  holds = false;
  expect([...routes.again()].sort()).toEqual(['home', 'other']);
  expect([...into.keys()]).toEqual(['other']);
});

test('a route that begins to be concerned, and one that ends, is decided anew', () => {
  let concerned = false;
  const into = new Map<string, Route>();
  const routes = createGated({ concerns: () => concerned, admitted: () => undefined }, into);
  routes.put('home', home);
  expect(into.get('home')).toBe(home);
  concerned = true;
  expect([...routes.again()]).toEqual(['home']);
  expect(into.size).toBe(0);
  concerned = false;
  expect([...routes.again()]).toEqual(['home']);
  expect(into.get('home')).toEqual(home);
});

test('without a role every route stands', () => {
  const into = new Map<string, Route>();
  const routes = createGated(openGates.route, into);
  routes.put('home', home);
  expect(into.get('home')).toBe(home);
  expect(routes.again().size).toBe(0);
});
