// Admin: the first of them, and what waits for one.

import type { Command } from 'commander';
import type { MailState } from '#internal/gen/pop44/v1/people_pb.ts';
import { type Column, timeText } from './layout.ts';
import { newPassword, type PasswordOptions, withPasswordFile } from './secret-input.ts';
import type { Session } from './session.ts';

// people.proto, MailTemplate.
const templates = ['', 'nothing', 'verify', 'reset', 'known', 'taken', 'approved'] as const;

const mailColumns: readonly Column<MailState>[] = [
  ['id', ({ id }) => id],
  ['about', ({ template }) => templates[template] ?? String(template)],
  ['to', ({ to }) => to],
  ['since', ({ createdAt }) => (createdAt === undefined ? '' : timeText(createdAt))],
  ['next try', ({ nextTryAt }) => (nextTryAt === undefined ? '' : timeText(nextTryAt))],
  ['tries', ({ tries }) => String(tries)],
  ['problem', ({ problem }) => problem],
];

export function adminVerbs(admin: Command, session: Session): void {
  withPasswordFile(admin.command('bootstrap').argument('<callsign>').argument('<email>'))
    .description('make the first global admin, once in the life of a network; wants an admin certificate')
    .action(async (callsign: string, email: string, { passwordFile }: PasswordOptions) => {
      const password = await newPassword(session, passwordFile);
      const answer = await (await session.client()).people.bootstrap({ callsign, email, password });
      await session.done(answer, `${callsign} is a global admin; log in by pop44 login`);
    });
  admin
    .command('mails')
    .description('show what waits to be sent, and why')
    .action(async () => {
      const { mails, freshness } = await (await session.client()).people.listMails({});
      await session.list(mails, mailColumns);
      session.aged(freshness);
    });
}
