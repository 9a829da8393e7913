// Transport: hands a mail to a server by SMTP, or puts it into a maildir. nodemailer writes every header.

import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, statSync } from 'node:fs';
import { link, open, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { createTransport } from 'nodemailer';
import type { Clock } from '#internal/clock/clock.ts';
import { Fault, messageOf } from '#internal/errors/errors.ts';
import type { Composed } from './compose.ts';

export interface MailSettings {
  /** Address that mails come from. */
  readonly from: string;
  /** Absent: a maildir. */
  readonly smtp?: {
    readonly host: string;
    readonly port: number;
    /** `tls` from the first byte (465), `starttls` (587), `none` for a server on this machine. */
    readonly tls: 'tls' | 'starttls' | 'none';
    readonly user?: string;
    readonly passwordFile?: string;
    /** PEM: who signs the server's certificate, instead of the CAs that Node knows. */
    readonly caFile?: string;
  };
  readonly maildir: string;
}

export interface Transport {
  /** @throws Fault `mail-refused` (for good: nobody has that address) or `mail-later` */
  send(mail: Composed): Promise<void>;
  close(): void;
}

const timeoutMs = 10_000;

/** @throws Fault `config` for a password file that is not there or that others can read */
export function openTransport(settings: MailSettings, clock: Clock): Transport {
  return settings.smtp === undefined ? maildir(settings, clock) : smtp(settings, settings.smtp);
}

const message = ({ to, subject, text }: Composed, from: string) => ({
  ...{ from, to: { name: '', address: to }, subject, text },
  // No vacation notice, no list, wants an answer to this (RFC 3834).
  headers: { 'Auto-Submitted': 'auto-generated' },
  disableFileAccess: true,
  disableUrlAccess: true,
});

function smtp({ from }: MailSettings, server: NonNullable<MailSettings['smtp']>): Transport {
  const { host, port, tls, user, passwordFile, caFile } = server;
  const transporter = createTransport({
    ...{ host, port, secure: tls === 'tls', requireTLS: tls === 'starttls', ignoreTLS: tls === 'none' },
    ...{ connectionTimeout: timeoutMs, greetingTimeout: timeoutMs, socketTimeout: 2 * timeoutMs },
    ...{ disableFileAccess: true, disableUrlAccess: true },
    tls: { minVersion: 'TLSv1.2', ...(caFile === undefined ? {} : { ca: readFileSync(caFile) }) },
    ...(user === undefined ? {} : { auth: { user, pass: passwordOf(passwordFile) } }),
  });
  return {
    async send(mail) {
      try {
        await transporter.sendMail(message(mail, from));
      } catch (thrown) {
        const code = responseOf(thrown);
        // RFC 5321 4.2.1: 5yz will be so again. A server that wants another login or TLS is ours to mend: later, then.
        const forGood = code >= 550 && code <= 553;
        const said = code === 0 ? networkWord(thrown) : `the mail server answered ${code}`;
        throw new Fault(forGood ? 'mail-refused' : 'mail-later', said, thrown);
      }
    },
    close: () => transporter.close(),
  };
}

/** Without the server's text, in which the address may stand. */
const responseOf = (thrown: unknown): number =>
  thrown instanceof Error && 'responseCode' in thrown && typeof thrown.responseCode === 'number'
    ? thrown.responseCode
    : 0;
const networkWord = (thrown: unknown): string =>
  thrown instanceof Error && 'code' in thrown
    ? `the mail server cannot be used: ${String(thrown.code)}`
    : 'the mail server cannot be used';

function passwordOf(file: string | undefined): string {
  if (file === undefined) return '';
  try {
    if ((statSync(file).mode & 0o077) !== 0) throw new Error('can be read by others (chmod 600)');
    return readFileSync(file, 'utf8').trimEnd();
  } catch (thrown) {
    throw new Fault('config', `configuration: node.mail.smtp.passwordFile: ${file}: ${messageOf(thrown)}`, thrown);
  }
}

/** maildir(5): written whole into tmp, then given its name in new, so that nobody reads half of one. */
function maildir({ from, maildir: folder }: MailSettings, clock: Clock): Transport {
  const composer = createTransport({ streamTransport: true, buffer: true, newline: 'unix' });
  for (const name of ['tmp', 'new', 'cur']) mkdirSync(join(folder, name), { recursive: true, mode: 0o700 });
  return {
    async send(mail) {
      const { message: bytes } = await composer.sendMail(message(mail, from));
      const name = `${Math.floor(clock.wall().getTime() / 1_000)}.${process.pid}_${randomBytes(8).toString('hex')}.pop44`;
      const [made, final] = [join(folder, 'tmp', name), join(folder, 'new', name)];
      try {
        const file = await open(made, 'wx', 0o600);
        try {
          await file.writeFile(bytes as Buffer);
          await file.sync();
        } finally {
          await file.close();
        }
        await link(made, final);
        await unlink(made);
      } catch (thrown) {
        throw new Fault('mail-later', 'the maildir cannot be written', thrown);
      }
    },
    close: () => composer.close(),
  };
}
