// Plot SVG: elements as text, and the colours of all pictures.

export const palette = {
  paper: '#ffffff',
  text: '#1f2328',
  faint: '#59636e',
  grid: '#e4e7ea',
  band: '#e6f0e2',
  holds: '#1a7f37',
  fails: '#b3261e',
} as const;

/** Told apart by colour-blind people too (Okabe and Ito). */
const inks = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#59636e'] as const;
export const ink = (at: number): string => inks[at % inks.length] ?? palette.text;

export const escaped = (value: string): string =>
  value.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');

const written = (value: number | string): string =>
  typeof value === 'number' ? String(Number(value.toFixed(1))) : escaped(value);

export function element(name: string, attributes: Readonly<Record<string, number | string>>, inner = ''): string {
  const all = Object.entries(attributes).map(([key, value]) => ` ${key}="${written(value)}"`);
  return inner === '' ? `<${name}${all.join('')}/>` : `<${name}${all.join('')}>${inner}</${name}>`;
}

export const group = (parts: readonly string[], moveDown = 0): string =>
  element('g', moveDown === 0 ? {} : { transform: `translate(0 ${moveDown})` }, parts.join(''));

type Place = readonly [x: number, y: number];

export const line = ([x1, y1]: Place, [x2, y2]: Place, stroke: string): string =>
  element('line', { x1, y1, x2, y2, stroke });

export interface TextStyle {
  readonly anchor?: 'middle' | 'end';
  readonly bold?: boolean;
  readonly fill?: string;
  /** By a quarter to the left. */
  readonly turned?: boolean;
  /** Width in pixels after which a new line begins. */
  readonly wrap?: number;
}

/** Of a character at 12 pixels, on average. */
export const characterWidth = 6.2;
const lineHeight = 14;

function linesOf(words: string, wrap: number | undefined): readonly string[] {
  if (wrap === undefined) return [words];
  const lines: string[] = [];
  for (const word of words.split(' ')) {
    const last = lines.at(-1);
    if (last !== undefined && (last.length + 1 + word.length) * characterWidth <= wrap)
      lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
}

export function text(x: number, y: number, words: string, style: TextStyle = {}): string {
  const { anchor, bold, fill, turned, wrap } = style;
  const lines = linesOf(words, wrap);
  const inner =
    lines.length === 1
      ? escaped(words)
      : lines.map((each, at) => element('tspan', { x, dy: at === 0 ? 0 : lineHeight }, escaped(each))).join('');
  return element(
    'text',
    {
      x,
      y,
      fill: fill ?? palette.text,
      ...(anchor !== undefined && { 'text-anchor': anchor }),
      ...(bold === true && { 'font-weight': 600 }),
      ...(turned === true && { transform: `rotate(-90 ${Math.round(x)} ${Math.round(y)})` }),
    },
    inner,
  );
}

export const svg = (width: number, height: number, title: string, body: string): string =>
  `${element(
    'svg',
    {
      xmlns: 'http://www.w3.org/2000/svg',
      viewBox: `0 0 ${Math.round(width)} ${Math.round(height)}`,
      width,
      height,
      role: 'img',
      'font-family': 'system-ui, sans-serif',
      'font-size': 12,
    },
    `${element('title', {}, escaped(title))}${element('rect', { width, height, fill: palette.paper })}${body}`,
  )}\n`;
