import { expect, test } from 'vitest';
import { shortestMs } from './parse.ts';

const head = 'PING 198.18.90.2 (198.18.90.2) 56(84) bytes of data.\n\n--- 198.18.90.2 ping statistics ---\n';

test.each([
  [
    'three',
    '3 packets transmitted, 3 received, 0% packet loss, time 401ms\nrtt min/avg/max/mdev = 0.031/0.040/0.052/0.008 ms\n',
    0.031,
  ],
  [
    'one of three, in a pipe',
    '3 packets transmitted, 1 received, 66.6667% packet loss, time 2030ms\nrtt min/avg/max/mdev = 612.100/612.100/612.100/0.000 ms, pipe 2\n',
    612.1,
  ],
  ['none', '3 packets transmitted, 0 received, 100% packet loss, time 2044ms\n\n', undefined],
  ['errors', '3 packets transmitted, 0 received, +3 errors, 100% packet loss, time 2044ms\n', undefined],
])('%s', (_, tail, wanted) => {
  expect(shortestMs(`${head}${tail}`)).toBe(wanted);
});
