import { expect, test } from 'vitest';
import { parseConfig, parseCounts } from './parse.ts';
import { configText, filesOf } from './render.ts';

const sync = { link: 'p44s', own: '169.254.45.1', far: '169.254.45.2' };
const files = filesOf('/run/pop44');

test('our own configuration is read back; another is none of ours', () => {
  const text = configText(sync, files, 7);
  expect(parseConfig(text)).toEqual({ ...sync, interfaceIndex: 7 });
  expect(parseConfig('')).toBeUndefined();
  expect(parseConfig(text.replace('# Written by pop44d', '# By hand'))).toBeUndefined();
});

test.each([
  ['an interface of somebody else', { ...sync, link: 'eth0' }, '/run/pop44'],
  ['an interface with a line of its own', { ...sync, link: 'p44s\nSyslog on' }, '/run/pop44'],
  ['an address with more', { ...sync, far: '169.254.45.2 }' }, '/run/pop44'],
  ['an address of the other family', { ...sync, own: 'fe80::1' }, '/run/pop44'],
  ['a path with a space', sync, '/run/pop 44'],
])('does not reach conntrackd: %s', (_, bad, runDir) => {
  expect(() => configText(bad, filesOf(runDir), 7)).toThrow('is not');
});

// As conntrackd(8) 1.4.7 prints it.
const statistics = `cache internal:
current active connections:\t       27963
connections created:\t\t       30963\tfailed:\t           0

cache external:
current active connections:\t           4
connections created:\t\t           4\tfailed:\t           0

traffic processed:
                   0 Bytes                         0 Pckts
`;

test('flows here and flows of the sibling are counted', () => {
  expect(parseCounts(statistics)).toEqual({ own: 27_963, held: 4 });
  expect(parseCounts("can't connect: is conntrackd running?")).toBeUndefined();
});
