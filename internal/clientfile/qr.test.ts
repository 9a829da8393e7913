import jsQR from 'jsqr';
import { expect, test } from 'vitest';
import type { ClientFile } from './clientfile.ts';
import { qrSvg, qrTerminal, wgQuick } from './clientfile.ts';

// RFC 7748 6.1.
const privateKey = 'dwdtCnMYpX08FsFyUbJmRd9ML4frwJkqsXf7pR25LCo=';
const text = wgQuick({
  ...{ tunnelId: '1b9d6bcd-bbf', tunnelName: 'shack', addresses: ['44.31.0.7/32', '2001:db8:44:7::1/128'], mtu: 1420 },
  ...{ privateKey, presharedKey: privateKey, peerPublicKey: '3p7bfXt9wbTTW2HC7OQ1Nz+DQ8hbeGdNrfx+FG+IK08=' },
  ...{
    endpointAddress: '2001:db8:1:1::2',
    endpointPort: 51_820,
    allowedIps: ['0.0.0.0/0', '::/0'],
    keepaliveSeconds: 25,
  },
} satisfies ClientFile);

/** What a camera sees of modules, light or not; another library's decoder than ours. */
function decoded(light: readonly (readonly boolean[])[]): string | undefined {
  const scale = 3;
  const [height, width] = [light.length * scale, (light[0]?.length ?? 0) * scale];
  const pixels = new Uint8ClampedArray(width * height * 4);
  for (let at = 0; at < width * height; at += 1) {
    const [x, y] = [at % width, Math.floor(at / width)];
    const shade = light[Math.floor(y / scale)]?.[Math.floor(x / scale)] === true ? 255 : 0;
    pixels.set([shade, shade, shade, 255], at * 4);
  }
  return jsQR.default(pixels, width, height)?.data;
}

/** The upper and the lower half of every character. */
function seen(lines: readonly string[]): readonly (readonly boolean[])[] {
  return lines.flatMap((line) => [
    line.split('').map((block) => block === '█' || block === '▀'),
    line.split('').map((block) => block === '█' || block === '▄'),
  ]);
}

const linesOf = (drawn: string): readonly string[] => drawn.trimEnd().split('\n');

test('a phone reads the file off a terminal of 80 columns, without its comments [T10]', () => {
  const lines = linesOf(qrTerminal(text, false));
  expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(80);
  const read = decoded(seen(lines)) ?? '';
  expect(read.split('\n').slice(0, 2)).toEqual(['[Interface]', `PrivateKey=${privateKey}`]);
  const wanted = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  expect(read.split('\n')).toEqual(wanted.map((line) => line.replace(' = ', '=')));
});

test('with colours every line says its own, so that a light terminal shows the same', () => {
  const lines = linesOf(qrTerminal(text, true));
  const bare = lines.map((line) => line.replace('\u001b[97;40m', '').replace('\u001b[0m', ''));
  expect(bare).toEqual(linesOf(qrTerminal(text, false)));
  expect(lines.every((line) => line.startsWith('\u001b[97;40m') && line.endsWith('\u001b[0m'))).toBe(true);
});

test('the picture of a page holds the same squares, and runs nothing', () => {
  const svg = qrSvg(text);
  const [, size = '0'] = /viewBox="0 0 (\d+) \d+"/.exec(svg) ?? [];
  const light = Array.from({ length: Number(size) }, () => Array.from({ length: Number(size) }, () => true));
  for (const [, x, y] of svg.matchAll(/M(\d+) (\d+)h1v1h-1z/g)) (light[Number(y)] ?? [])[Number(x)] = false;
  expect(decoded(light)).toContain(`PrivateKey=${privateKey}\n`);
  expect(svg).not.toMatch(/script|style|href|on[a-z]+=/);
});
