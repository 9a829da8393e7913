// Session: what the verbs of one command line share.

import type { Message } from '@bufbuild/protobuf';
import type { Client } from '#internal/client/client.ts';
import type { Freshness } from '#internal/gen/pop44/v1/common_pb.ts';
import type { Io, Where } from './io.ts';
import { type Column, type Form, recordText, rowsText, tellingColumns } from './layout.ts';

/** `wide`: a table with more columns; `json`: one document; `jsonl`: one a line. */
export const outputs = ['table', 'wide', 'json', 'jsonl', 'yaml'] as const;
export type Output = (typeof outputs)[number];

export interface GlobalOptions {
  readonly context?: string;
  readonly node?: string;
  readonly output: Output;
}

export interface Session {
  readonly io: Io;
  options: GlobalOptions;
  /** Opened with the first use. */
  client(): Promise<Client>;
  /** The same, for what who has no login asks for: one that is kept here may have ended, and must not stand in the way. */
  anonymous(): Promise<Client>;
  /** Of tables on standard output. */
  form(): Form;
  /** To standard error. */
  say(text: string): void;
  print(text: string): void;
  /** The answer is for a program. */
  wantsData(): boolean;
  /** Any message of the schema, in the form that is asked for. */
  data(message: Message): Promise<void>;
  /** The same of what no message is. */
  dataOf(value: unknown): Promise<void>;
  /**
   * An array of JSON, a message a line, a list of YAML, or a table; `wide` are the columns that only a wide one has, which has
   * the others even when they say nothing.
   */
  list<T extends Message>(
    items: readonly T[],
    columns: readonly Column<T>[],
    wide?: readonly Column<T>[],
  ): Promise<void>;
  /** The whole answer as data, or its subject as a table of names and values. */
  record<T extends Message>(answer: Message, subject: T | undefined, columns: readonly Column<T>[]): Promise<void>;
  /** The whole answer as data, or its subjects as a table. */
  listed<T extends Message>(answer: Message, subjects: readonly T[], columns: readonly Column<T>[]): Promise<void>;
  /** A table of what no message is. */
  rows<T>(items: readonly T[], columns: readonly Column<T>[]): Promise<void>;
  /** Under a record: a table after an empty line, or nothing. */
  section<T>(items: readonly T[], columns: readonly Column<T>[]): Promise<void>;
  /** The whole answer as data, or to standard error what was done. */
  done(answer: Message, what: string): Promise<void>;
  /** Warns of an answer from a daemon without contact to the store. */
  aged(freshness: Freshness | undefined): void;
  close(): Promise<void>;
}

export function createSession(io: Io): Session {
  let opened: Promise<Client> | undefined;
  const print = (text: string): void => void io.stdout.write(text);
  const form = (): Form => (io.stdout.isTTY === true ? 'columns' : 'tabs');
  const where = (): Where => {
    const { context, node } = session.options;
    return { ...(context === undefined ? {} : { context }), ...(node === undefined ? {} : { node }) };
  };
  const session: Session = {
    io,
    options: { output: 'table' },
    form,
    client() {
      opened ??= io.openClient(where());
      return opened;
    },
    anonymous() {
      opened ??= io.openClient({ ...where(), anonymous: true });
      return opened;
    },
    say: (text) => void io.stderr.write(`${text}\n`),
    print,
    wantsData: () => session.options.output !== 'table' && session.options.output !== 'wide',
    async data(message) {
      const { jsonOf } = await import('./json.ts');
      await session.dataOf(jsonOf(message));
    },
    async dataOf(value) {
      if (session.options.output !== 'yaml') return print(`${JSON.stringify(value)}\n`);
      const { yamlText } = await import('./yaml.ts');
      print(yamlText(value));
    },
    async list(items, columns, wide = []) {
      const { output } = session.options;
      if (session.wantsData()) {
        const { jsonOf } = await import('./json.ts');
        const values = items.map(jsonOf);
        if (output === 'jsonl') for (const value of values) await session.dataOf(value);
        else await session.dataOf(values);
      } else if (output === 'wide') print(await rowsText(items, [...columns, ...wide], form()));
      else await session.rows(items, columns);
      // Who looks by eye does not know else whether it has been asked.
      if (!session.wantsData() && items.length === 0 && form() === 'columns') session.say('there are none');
    },
    async record(answer, subject, columns) {
      if (session.wantsData()) await session.data(answer);
      else if (subject !== undefined) print(await recordText(subject, columns, form()));
    },
    async listed(answer, subjects, columns) {
      if (session.wantsData()) await session.data(answer);
      else await session.list(subjects, columns);
    },
    async rows(items, columns) {
      print(await rowsText(items, tellingColumns(items, columns, form()), form()));
    },
    async section(items, columns) {
      if (items.length === 0) return;
      print('\n');
      await session.rows(items, columns);
    },
    async done(answer, what) {
      if (session.wantsData()) await session.data(answer);
      else session.say(what);
    },
    aged(freshness) {
      if (freshness?.stale !== true) return;
      session.say(`warning: the daemon has no contact with the store; this is revision ${freshness.revision}`);
    },
    async close() {
      // One that could not be opened was told already.
      const client = await opened?.catch(() => undefined);
      client?.close();
    },
  };
  return session;
}
