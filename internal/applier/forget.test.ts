import { expect, test } from 'vitest';
import type { Peer } from '#internal/dataplane/dataplane.ts';
import { forgetSteps } from './forget.ts';

const peer = (link: string, publicKey: string): readonly [string, Peer] => [
  `${link} ${publicKey}`,
  { link, publicKey, allowedIps: [], keepaliveSeconds: 0 },
];
const found = new Map([peer('p44w0', 'a'), peer('p44w0', 'b'), peer('p44w1', 'a'), peer('p44m', 'a')]);
const told = (keys?: readonly string[]): readonly string[] =>
  forgetSteps(found, new Map([...found].filter(([key]) => key !== 'p44w0 b')), keys).map(
    ({ op, key }) => `${op} ${key}`,
  );

test('peers that are asked for are removed and added again, on every access interface, and no other', () => {
  expect(told(['a', 'c'])).toEqual(['remove p44w0 a', 'add p44w0 a', 'remove p44w1 a', 'add p44w1 a']);
});

test('without keys it is all of them; one that nobody wants is only removed, the mesh is left alone', () => {
  expect(told()).toEqual(['remove p44w0 a', 'add p44w0 a', 'remove p44w0 b', 'remove p44w1 a', 'add p44w1 a']);
});
