// Account: one's own, from signing up to its end.

import type { Command } from 'commander';
import { UsageError } from './io.ts';
import { newPassword, type PasswordOptions, secretBytes, secretFrom, withPasswordFile } from './secret-input.ts';
import type { Session } from './session.ts';
import { stateName } from './user.ts';

interface CodeOptions {
  readonly codeFile?: string;
}
const withCodeFile = (command: Command): Command =>
  command.option('--code-file <file>', 'the code, alone in a file; - for standard input; default: asked for');

export function accountVerbs(account: Command, session: Session): void {
  withPasswordFile(account.command('sign-up').argument('<callsign>').argument('<email>'))
    .description('ask for an account; a mail tells how to go on')
    .action(async (callsign: string, email: string, { passwordFile }: PasswordOptions) => {
      const password = await newPassword(session, passwordFile);
      const answer = await (await session.anonymous()).people.signUp({ callsign, email, password });
      await session.done(answer, `a mail is on its way to ${email}; follow it within 30 minutes`);
    });
  withCodeFile(account.command('verify'))
    .description('make the account that a mail was about, by its code')
    .action(async ({ codeFile }: CodeOptions) => {
      const secret = secretBytes(await secretFrom(session, codeFile, 'Code'));
      const answer = await (await session.anonymous()).people.verify({ secret });
      const waits = stateName(answer) === 'pending' ? '; an admin has to approve it, and a mail will tell' : '';
      await session.done(answer, `the account is made${waits}`);
    });
  withPasswordFile(withCodeFile(account.command('reset').argument('[email]', 'have a code sent there')))
    .description('set another password when the old one is lost: first with an address, then with the code of the mail')
    .action(async (email: string | undefined, { codeFile, passwordFile }: CodeOptions & PasswordOptions) => {
      const { people } = await session.anonymous();
      if (email !== undefined) {
        if (codeFile !== undefined) throw new UsageError('an address asks for a code, --code-file uses one');
        const answer = await people.requestReset({ email });
        return session.done(answer, `if ${email} has an account, a mail with a code is on its way`);
      }
      const secret = secretBytes(await secretFrom(session, codeFile, 'Code'));
      const password = await newPassword(session, passwordFile);
      await session.done(
        await people.reset({ secret, password }),
        'the password is set; all logins and tokens have ended',
      );
    });
  withPasswordFile(account.command('password'), 'the old password')
    .description('change the password; all other logins end')
    .option('--new-password-file <file>', 'the new one, alone in a file')
    .action(async ({ passwordFile, newPasswordFile }: PasswordOptions & { readonly newPasswordFile?: string }) => {
      const oldPassword = await secretFrom(session, passwordFile, 'Old password');
      const password = await newPassword(session, newPasswordFile);
      const { people } = await session.client();
      await session.done(
        await people.changePassword({ oldPassword, newPassword: password }),
        'the password is changed',
      );
    });
  account
    .command('delete')
    .description('delete your account; it must own nothing any more')
    .requiredOption('--yes', 'you mean it')
    .action(async () => {
      await session.done(await (await session.client()).people.deleteUser({}), 'the account is deleted');
    });
}
