// QR: a client's file as a picture that the WireGuard apps of phones read.

import encodeQR from 'qr';

// ISO/IEC 18004 9.1: the quiet zone.
const quietModules = 4;

/** What an app needs, without comments: fewer modules, and a terminal of 80 columns holds them. */
const bare = (text: string): string =>
  text
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => line.replace(' = ', '='))
    .join('\n');

const modulesOf = (text: string): readonly (readonly boolean[])[] =>
  encodeQR(bare(text), 'raw', { ecc: 'low', border: quietModules });

/**
 * Two modules a character, a line for each two rows. With `colours` dark on light whatever the terminal has, else for a dark
 * terminal.
 */
export function qrTerminal(text: string, colours: boolean): string {
  const rows = modulesOf(text);
  const [begin, end] = colours ? ['\u001b[97;40m', '\u001b[0m'] : ['', ''];
  const lines: string[] = [];
  for (let at = 0; at < rows.length; at += 2) {
    const [upper = [], lower] = [rows[at], rows[at + 1]];
    // What is lit is light: a row that is not there is light too.
    const blocks = upper.map((dark, x) => block(!dark, lower?.[x] !== true));
    lines.push(`${begin}${blocks.join('')}${end}\n`);
  }
  return lines.join('');
}

const block = (upper: boolean, lower: boolean): string => (upper ? (lower ? '█' : '▀') : lower ? '▄' : ' ');

/** One path of unit squares; black on white whatever the page's colours. */
export function qrSvg(text: string): string {
  const rows = modulesOf(text);
  const squares = rows.flatMap((row, y) => row.flatMap((dark, x) => (dark ? [`M${x} ${y}h1v1h-1z`] : [])));
  const box = `viewBox="0 0 ${rows.length} ${rows.length}" shape-rendering="crispEdges" role="img"`;
  const white = `<path fill="#fff" d="M0 0h${rows.length}v${rows.length}h-${rows.length}z"/>`;
  return `<svg xmlns="http://www.w3.org/2000/svg" ${box}>${white}<path fill="#000" d="${squares.join('')}"/></svg>`;
}
