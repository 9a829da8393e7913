import { expect, test } from 'vitest';
import { faultKinds, faultTable } from './fault.ts';
import { listing, type ScenarioName, scenarioNamed, scenarios, split } from './scenario.ts';

test('every scenario has its line, and every fault, traffic and shape', () => {
  const text = listing();
  for (const name of [...Object.keys(scenarios), ...faultKinds, 'people', 'storm'])
    expect(text).toContain(`  ${name} `);
});

test('traffic, faults and shape can be given otherwise', () => {
  const changed = scenarioNamed('mixed', { traffic: 'people,watch', faults: 'etcd-wipe', shape: 'single' });
  expect(changed).toMatchObject({ traffic: ['people', 'watch'], faults: ['etcd-wipe'], shape: 'single' });
});

test.each([
  ['a scenario', () => scenarioNamed('mixd' as ScenarioName), /no scenario mixd; there are allocate, /],
  ['traffic', () => scenarioNamed('mixed', { traffic: 'allocate,peple' }), /no traffic peple; there are allocate, /],
  ['a fault', () => scenarioNamed('mixed', { faults: 'etcd-kil' }), /no fault etcd-kil; there are daemon-kill, /],
  ['a shape', () => scenarioNamed('mixed', { shape: 'square' }), /no shape square; there are steady, /],
])('%s that there is not is refused with those that there are', (_, name, says) => {
  expect(name).toThrow(says);
});

test('what cannot be done here is left out, with the reason', () => {
  const { kinds, left } = split(faultKinds, { noToxiproxy: 'no Go', noFaketime: 'no package' });
  expect(kinds.length + left.length).toBe(faultKinds.length);
  expect(kinds.some((kind) => ['path', 'clock'].includes(faultTable[kind].reach))).toBe(false);
  expect(left).toContain('toxic-reset: no Go');
  expect(left).toContain('clock-ahead: no package');
});
