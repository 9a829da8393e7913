// Session: one kept `nft -i`. It answers a success with silence, so each command is followed by a word that it cannot
// know: the complaint about that word ends the answer. Commands and complaints are on one stream, in order.

import { writeFile } from 'node:fs/promises';
import { rejected } from '#internal/driver/driver.ts';
import { Fault } from '#internal/errors/errors.ts';
import { keep } from '#internal/exec/exec.ts';
import { parseErrors } from './parse.ts';

export interface Session {
  /** One transaction. @throws Fault `rejected` (nft said no; nothing has changed), `gone`, `silent` */
  run(text: string): Promise<void>;
  stop(): Promise<void>;
}

export interface SessionOptions {
  /** File of the namespace. */
  readonly netns: string;
  /** For changes that do not fit a line. */
  readonly file: string;
  readonly onExit: (reason: string) => void;
}

/** Characters. The line editor reads character by character; a file has no such cost and may have many lines. */
const longestLine = 3000;
/** 100,000 elements take 1 s (measured). */
const answerTimeoutMs = 30_000;

interface Waiting {
  readonly end: string;
  readonly lines: string[];
  readonly finish: (fault: Fault | undefined) => void;
}

export async function openSession({ netns, file, onExit }: SessionOptions): Promise<Session> {
  let waiting: Waiting | undefined;
  let count = 0;
  let dead: string | undefined;

  const finish = (fault: Fault | undefined): void => {
    const ended = waiting;
    waiting = undefined;
    ended?.finish(fault);
  };
  const child = await keep({
    file: 'nft',
    args: ['-i'],
    netns,
    onStderr(line) {
      if (waiting === undefined) return;
      if (line !== waiting.end) {
        waiting.lines.push(line);
        return;
      }
      // The last complaint is about the word itself.
      const errors = parseErrors(waiting.lines).slice(0, -1);
      finish(errors.length === 0 ? undefined : rejected(`nft: ${[...new Set(errors)].join('; ')}`));
    },
    onExit(reason) {
      dead = reason;
      finish(new Fault('gone', reason));
      onExit(reason);
    },
  });

  let queue: Promise<unknown> = Promise.resolve();
  const exchange = async (text: string): Promise<void> => {
    const small = text.length <= longestLine && !text.includes('\n');
    if (!small) await writeFile(file, text, { mode: 0o600 });
    if (dead !== undefined) throw new Fault('gone', dead);
    count += 1;
    const end = `pop44_end_${count}`;
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => {
        finish(new Fault('silent', `nft -i gave no answer in ${answerTimeoutMs} ms`));
        void child.stop();
      }, answerTimeoutMs);
      waiting = {
        end,
        lines: [],
        finish(fault) {
          clearTimeout(timer);
          if (fault === undefined) resolve();
          else reject(fault);
        },
      };
      child.write(`${small ? text : `include "${file}"`}\n${end}\n`);
    });
  };
  return {
    run(text) {
      const turn = queue.then(() => exchange(text));
      queue = turn.catch(() => undefined);
      return turn;
    },
    stop: () => child.stop(),
  };
}
