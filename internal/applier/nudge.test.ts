import { expect, test } from 'vitest';
import { createNudge } from './nudge.ts';

test('a nudge reaches who waits, or who waits next, once', () => {
  const nudge = createNudge();
  const woken: string[] = [];
  nudge.next(() => woken.push('a'));
  nudge.now();
  expect(woken).toEqual(['a']);
  nudge.now();
  nudge.now();
  nudge.next(() => woken.push('b'));
  nudge.next(() => woken.push('c'));
  expect(woken).toEqual(['a', 'b']);
  nudge.now();
  expect(woken).toEqual(['a', 'b', 'c']);
});

test('who does not wait any more is not reached, and takes nobody else with him', () => {
  const nudge = createNudge();
  const woken: string[] = [];
  const forgetA = nudge.next(() => woken.push('a'));
  nudge.now();
  nudge.next(() => woken.push('b'));
  // A pause that a nudge has ended is over by itself later.
  forgetA();
  nudge.now();
  expect(woken).toEqual(['a', 'b']);
  const forgetC = nudge.next(() => woken.push('c'));
  forgetC();
  nudge.now();
  nudge.next(() => woken.push('d'));
  expect(woken).toEqual(['a', 'b', 'd']);
});
