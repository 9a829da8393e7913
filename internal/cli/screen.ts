// Screen: a terminal as one page that is drawn again and again, and is left as it was.

import type { ReadStream, WriteStream } from 'node:tty';

export interface Screen {
  readonly columns: number;
  readonly rows: number;
  /** Lines that do not fit are cut. */
  draw(lines: readonly string[]): void;
  /** Aborted by q, Ctrl-C, Ctrl-D, and by what would end the process: SIGTERM, SIGHUP. */
  readonly left: AbortSignal;
  /** The terminal is as it was. */
  close(): void;
}

// ECMA-48 and xterm: the alternate screen, the cursor hidden; home; rest of a line; rest of the screen.
const enter = '\u001b[?1049h\u001b[?25l';
const leave = '\u001b[?25h\u001b[?1049l';
const [home, restOfLine, restOfScreen] = ['\u001b[H', '\u001b[K', '\u001b[J'];
/** Raw mode gives control characters as they are: Ctrl-C, Ctrl-D. */
const endings: ReadonlySet<string> = new Set(['q', 'Q', '\u0003', '\u0004']);
const signals = ['SIGTERM', 'SIGHUP', 'SIGINT'] as const;

/** Of a terminal that does not tell (a serial line): VT100. */
const usual = { columns: 80, rows: 24 };

export function openScreen(
  input: Pick<ReadStream, 'setRawMode' | 'on' | 'off' | 'resume' | 'pause' | 'setEncoding'>,
  output: Pick<WriteStream, 'write' | 'columns' | 'rows'>,
): Screen {
  const leaving = new AbortController();
  const end = (): void => leaving.abort(new Error('left'));
  const typed = (text: string): void => {
    if (Array.from(text).some((character) => endings.has(character))) end();
  };
  for (const signal of signals) process.on(signal, end);
  input.setRawMode(true);
  input.setEncoding('utf8');
  input.on('data', typed);
  input.resume();
  output.write(enter);
  const screen = {
    get columns() {
      return output.columns || usual.columns;
    },
    get rows() {
      return output.rows || usual.rows;
    },
    draw: (lines: readonly string[]) => {
      const { columns, rows } = screen;
      // The last line ends without a new one, which would scroll. Raw mode of Node leaves the terminal its ONLCR (termios(3)).
      const shown = lines.slice(0, rows).map((line) => `${Array.from(line).slice(0, columns).join('')}${restOfLine}`);
      output.write(`${home}${shown.join('\n')}${restOfScreen}`);
    },
    left: leaving.signal,
    close: () => {
      for (const signal of signals) process.off(signal, end);
      input.off('data', typed);
      input.setRawMode(false);
      input.pause();
      output.write(leave);
    },
  };
  return screen;
}
