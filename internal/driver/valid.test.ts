import { expect, test } from 'vitest';
import { isEndpoint, isInteger, isKey, isOurLink, isPrefix } from './valid.ts';

test.each<[string, (text: string) => boolean, readonly string[], readonly string[]]>([
  [
    'a prefix',
    isPrefix,
    ['44.31.0.0/22', '0.0.0.0/0', '2001:db8::/48', '::/0'],
    ['44.31.0.0', '44.31.0.0/33', '44.31.0.0/08', '::/129', 'fe80::1%eth0/64', '1/2', '44.31.0.0/22/1', ''],
  ],
  [
    'an endpoint',
    isEndpoint,
    ['198.18.1.2:51820', '[2001:db8::1]:443'],
    [
      '198.18.1.2',
      '198.18.1.2:',
      '198.18.1.2:99999',
      '2001:db8::1:443',
      '[198.18.1.2]:1',
      '[fe80::1%e]:1',
      'host:1',
      ':1',
      '',
    ],
  ],
  [
    'a key',
    isKey,
    ['egQEg7eAXLZ5n5GmGqt0c9m1SfSBfxQlZu9syyAHSV0='],
    ['egQEg7eAXLZ5n5GmGqt0c9m1SfSBfxQlZu9syyAHSV1=', 'egQE', ''],
  ],
  [
    'a link of ours',
    isOurLink,
    ['p44w0', 'p44i-a', 'p44i-0a1b2c3d4'],
    ['wg0', 'p44/x', 'p44 x', 'p44-sixteen-chars', 'P44w0'],
  ],
])('%s', (_what, is, good, bad) => {
  expect(good.filter((text) => !is(text))).toEqual([]);
  expect(bad.filter((text) => is(text))).toEqual([]);
});

test('an integer in its bounds', () => {
  expect([isInteger(0, 0, 1), isInteger(2, 0, 1), isInteger(0.5, 0, 1), isInteger(Number.NaN, 0, 1)]).toEqual([
    true,
    false,
    false,
    false,
  ]);
});
