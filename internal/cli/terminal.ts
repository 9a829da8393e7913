// Terminal: questions to whoever sits there, and what a pipe gives.

import type { ReadStream } from 'node:tty';
import type { Sink } from './io.ts';
import { UsageError } from './io.ts';

/** More than any password or code. */
const mostBytes = 64 * 1024;

export async function wholeOf(input: NodeJS.ReadStream): Promise<string> {
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of input) {
    const bytes = Buffer.from(part as Buffer | string);
    size += bytes.length;
    if (size > mostBytes) throw new UsageError(`standard input has more than ${mostBytes} bytes`);
    parts.push(bytes);
  }
  return Buffer.concat(parts).toString('utf8');
}

interface Question {
  readonly prompt: string;
  /** Nothing of what is typed is shown. */
  readonly hidden: boolean;
}

/** One line from the terminal. Throws UsageError where there is none, or after Ctrl-C or Ctrl-D. */
export function ask(input: ReadStream, output: Sink, { prompt, hidden }: Question): Promise<string> {
  if (!input.isTTY) throw new UsageError(`${prompt.replace(/: $/, '')}: there is no terminal to ask on; name a file`);
  output.write(prompt);
  input.setRawMode(true);
  input.setEncoding('utf8');
  input.resume();
  return new Promise((resolve, reject) => {
    let line = '';
    const end = (outcome: () => void): void => {
      input.off('data', typed);
      input.setRawMode(false);
      input.pause();
      output.write('\n');
      outcome();
    };
    // Whole characters, or what was pasted; control characters are what they are to a raw terminal (termios(3)).
    const typed = (text: string): void => {
      for (const character of text) {
        if (character === '\r' || character === '\n') return end(() => resolve(line));
        if (character === '\u0003' || character === '\u0004')
          return end(() => reject(new UsageError('nothing was done')));
        if (character === '\u007f' || character === '\b') {
          if (line !== '' && !hidden) output.write('\b \b');
          line = Array.from(line).slice(0, -1).join('');
        } else if (character >= ' ') {
          line += character;
          if (!hidden) output.write(character);
        }
      }
    };
    input.on('data', typed);
  });
}
