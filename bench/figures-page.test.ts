import { expect, test } from 'vitest';
import { page } from './figures-page.ts';
import { figure, type Told } from './report.ts';

const machine = {
  cpus: 2,
  model: 'A processor',
  memoryBytes: 2 ** 34,
  node: 'v24',
  etcd: 'etcd 3.6',
  wireguard: '',
  bird: '',
};
const told = (bench: string, figures: Told['figures']): Told => ({
  ...{ bench, command: `npm run bench -- ${bench}`, commit: '0123456789abcdef', date: '2027-01-31', machine },
  ...{ figures, curves: [] },
});

test('a page has the command, date, commit and machine of each run, and says which goals hold', () => {
  const flood = told('flood', { lost: figure(3, 'packets', '<= 0', [0, 3]) });
  const allocate = told('allocate', { rate: figure(1_200, '1/s', '>= 1000'), 'a|b': figure(1, '', '') });
  const text = page([
    [flood, 'figures/flood.svg'],
    [allocate, 'figures/allocate.svg'],
  ]);
  expect(text.indexOf('## allocate')).toBeLessThan(text.indexOf('## flood'));
  for (const words of [
    'npm run bench -- flood\n',
    '2027-01-31, commit 0123456789ab; 2 x A processor, 16 GiB; Node v24, etcd 3.6.',
    '| `lost` | 3 packets | 0 to 3 of 2 | <= 0 | **no** |',
    '| `rate` | 1,200 1/s |  | >= 1000 | yes |',
    '`a\\|b`',
    '](figures/flood.svg)',
  ])
    expect(text).toContain(words);
});

test('what was measured by a command of which there is no run stays as it is', () => {
  const run = (name: string, n: number) => [told(name, { n: figure(n, 's', '') }), `figures/${name}.svg`] as const;
  const before = page([run('allocate', 1), run('flood', 2), run('web', 3)]);
  expect(page([run('flood', 7)], before)).toBe(page([run('allocate', 1), run('flood', 7), run('web', 3)]));
  expect(page([], before)).toBe(before);
  expect(page([run('flood', 7)], 'somebody has edited it')).toBe(page([run('flood', 7)]));
});
