// Accounts: people of a test: their secrets, their mails, and the way from signing up to a login.

import { hash, randomBytes } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { realClock } from '#internal/clock/clock.ts';
import { openTransport, runSender } from '#internal/mail/mail.ts';
import type { Head } from '#internal/submit/submit.ts';
import type { PeopleHead } from '#internal/people/people.ts';
import type { Store } from '#internal/store/store.ts';
import { eventually } from './eventually.ts';

/** What a caller keeps, and what it tells. */
export function newSecret(): { readonly bearer: string; readonly secretHash: Uint8Array } {
  const bytes = randomBytes(32);
  return { bearer: `pop44_${bytes.toString('base64url')}`, secretHash: hash('sha256', bytes, 'buffer') };
}

export const goodPassword = 'correct horse battery staple';

export interface Mailbox extends AsyncDisposable {
  readonly directory: string;
  /** Texts of mails to this address, in no order. */
  to(address: string): readonly string[];
  /** The secret of the one mail to it whose subject has the word. */
  secretTo(address: string, subject: string): Promise<Uint8Array>;
}

/** Quoted-printable, as nodemailer writes lines of some length. */
const unfolded = (text: string): string =>
  text
    .replaceAll('=\n', '')
    .replaceAll(/=([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));

export function mailboxAt(directory: string): Pick<Mailbox, 'to' | 'secretTo'> {
  const to = (address: string): readonly string[] =>
    readdirSync(join(directory, 'new'))
      .map((name) => unfolded(readFileSync(join(directory, 'new', name), 'utf8')))
      .filter((text) => text.includes(`To: ${address}\n`));
  return {
    to,
    async secretTo(address, subject) {
      const text = await eventually(() => to(address).find((each) => each.includes(subject)) ?? false, 5_000);
      return Buffer.from(/Code:\s+([A-Za-z0-9_-]{43})/.exec(text)?.[1] ?? '', 'base64url');
    },
  };
}

/** A daemon that sends, into a maildir of its own. */
export async function mailbox(
  side: { readonly store: Pick<Store, 'commit'>; readonly head: Head; readonly people: PeopleHead },
  nodeId = 'p1',
): Promise<Mailbox> {
  const directory = await mkdtemp(join(tmpdir(), 'pop44-mail-'));
  const transport = openTransport({ from: 'pop44@p1.invalid', maildir: directory }, realClock);
  const ended = new AbortController();
  let made = 0;
  const sender = runSender(
    {
      ...{ nodeId, clock: realClock, people: side.people, fabric: side.head.snapshot, transport },
      newId: () => `mail-${nodeId}-${++made}-${randomBytes(4).toString('hex')}`,
      commit: (decision, operation) => side.store.commit(decision, operation),
      report: () => {},
    },
    ended.signal,
  );
  const looking = setInterval(() => sender.look(), 20);
  return {
    directory,
    ...mailboxAt(directory),
    async [Symbol.asyncDispose]() {
      clearInterval(looking);
      ended.abort(new Error('test over'));
      await sender.ended;
      transport.close();
      // A mail on its way when it ended may still arrive.
      await rm(directory, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}
