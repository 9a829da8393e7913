import { expect, test } from 'vitest';
import { stillGone } from './still-gone.ts';

test('who has shaken hands on either interface since it left is back, and keeps its session', async () => {
  const left = [
    ['gone', 5_000],
    ['back', 5_000],
    ['never here', 5_000],
  ] as const;
  const telemetry = [
    { publicKey: 'gone', lastHandshakeMs: 4_999 },
    { publicKey: 'back', lastHandshakeMs: 0 },
    { publicKey: 'back', lastHandshakeMs: 5_001 },
    { publicKey: 'another', lastHandshakeMs: 9_000 },
  ];
  expect(await stillGone(left, async () => telemetry)).toEqual(['gone', 'never here']);
});
