// Control: one kept connection to a BIRD's control socket. Answers come in the order of the questions.

import { createConnection } from 'node:net';
import { Fault } from '#internal/errors/errors.ts';
import { createReplyParser, type Reply } from './parse.ts';

/** `configure` of 10,000 routes takes 11 ms, a listing of them 40 ms (measured). */
const answerTimeoutMs = 5000;

export interface Control {
  /** @throws Fault `gone`, `silent` */
  ask(command: string): Promise<Reply>;
  close(): void;
}

/**
 * @param onEnd called once when BIRD hangs up, which it does only when it ends
 * @throws Fault `gone` when nobody answers there
 */
export function openControl(path: string, onEnd: () => void): Promise<Control> {
  return new Promise((resolve, reject) => {
    const waiting: { resolve: (reply: Reply) => void; reject: (fault: Fault) => void; timer: NodeJS.Timeout }[] = [];
    let closed = false;
    let greeted = false;
    const socket = createConnection(path);
    const expectReply = (): Promise<Reply> =>
      new Promise((answered, failed) => {
        const timer = setTimeout(() => {
          // A late answer would be taken for the next one's.
          socket.destroy(new Fault('silent', `BIRD gave no answer in ${answerTimeoutMs} ms`));
        }, answerTimeoutMs);
        waiting.push({ resolve: answered, reject: failed, timer });
      });
    let why: Fault | undefined;
    const parse = createReplyParser((reply) => {
      const next = waiting.shift();
      clearTimeout(next?.timer);
      next?.resolve(reply);
    });
    socket.setEncoding('utf8');
    socket.on('data', (text: string) => parse(text));
    socket.on('error', (error) => {
      why = error instanceof Fault ? error : new Fault('gone', `nobody answers at ${path}: ${error.message}`, error);
    });
    socket.on('close', () => {
      for (const { reject: fail, timer } of waiting.splice(0)) {
        clearTimeout(timer);
        fail(why ?? new Fault('gone', `${path} hung up`));
      }
      if (greeted && !closed) onEnd();
      closed = true;
    });
    const control: Control = {
      async ask(command) {
        if (closed || socket.destroyed) throw why ?? new Fault('gone', `${path} hung up`);
        const reply = expectReply();
        socket.write(`${command}\n`);
        return reply;
      },
      close() {
        closed = true;
        socket.destroy();
      },
    };
    // BIRD speaks first: `0001 BIRD 2.0.12 ready.`
    expectReply().then(() => {
      greeted = true;
      resolve(control);
    }, reject);
  });
}
