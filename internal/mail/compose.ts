// Compose: what a mail says. Plain text; whatever came from a person is a callsign or nothing.

import { type Mail, MailTemplate } from '#internal/gen/pop44/store/v1/people_pb.ts';

export interface Composed {
  readonly to: string;
  readonly subject: string;
  readonly text: string;
}

export interface Around {
  /** The network's, for people. */
  readonly networkName: string;
  /** Where links lead; empty: the mail tells the command. */
  readonly publicUrl: string;
  /** Of the account that it is about; empty: there is none. */
  readonly callsign: string;
  /** Of its link, base64url; empty: it has none. */
  readonly secret: string;
}

/** What a link says after the site; the secret stands behind #, which no server and no Referer is told. */
const ways: ReadonlyMap<MailTemplate, { readonly path: string; readonly verb: string }> = new Map([
  [MailTemplate.VERIFY, { path: 'verify', verb: 'verify' }],
  [MailTemplate.RESET, { path: 'reset', verb: 'reset' }],
]);

function wayIn({ template }: Mail, { publicUrl, secret }: Around): string {
  const way = ways.get(template);
  if (way === undefined) return '';
  const link =
    publicUrl === '' ? '' : `Follow this link and press the button there:\n\n  ${publicUrl}/${way.path}#${secret}\n\n`;
  const instead = publicUrl === '' ? 'Run this' : 'Or run this';
  return `${link}${instead}, and paste the code when it asks:\n\n  pop44 account ${way.verb}\n\nCode:\n\n  ${secret}\n\nIt is good once, for 30 minutes.\n`;
}

const notYou = 'If that was not you, do nothing: without the link nothing happens.\n';

/** Undefined: nothing is to be sent. */
export function compose(mail: Mail, around: Around): Composed | undefined {
  const { to, template, signUp } = mail;
  const { networkName, publicUrl } = around;
  const callsign = signUp?.callsign ?? around.callsign;
  const hello = `This is about an account at ${networkName}${callsign === '' ? '' : ` for ${callsign}`}.\n\n`;
  const site = publicUrl === '' ? '' : ` at ${publicUrl}`;
  const said = (subject: string, text: string): Composed => ({
    to,
    subject: `${networkName}: ${subject}`,
    text: `${hello}${text}`,
  });
  switch (template) {
    case MailTemplate.VERIFY:
      return said(
        'confirm your address',
        `Somebody has signed up with this address.\n\n${wayIn(mail, around)}\n${notYou}`,
      );
    case MailTemplate.RESET:
      return said(
        'set another password',
        `Somebody wants to set another password.\n\n${wayIn(mail, around)}\n${notYou}`,
      );
    case MailTemplate.KNOWN:
      return said(
        'you have an account already',
        `Somebody has signed up with this address, which has an account already.\n\nIf that was you, log in${site}; a password that is forgotten is replaced by:\n\n  pop44 account reset\n\nIf it was not, do nothing.\n`,
      );
    case MailTemplate.TAKEN:
      return said(
        'that callsign has an account',
        `Somebody has signed up with this address for a callsign that has an account already, under another address.\n\nIf it is your callsign, write to the operators of ${networkName}.\n`,
      );
    case MailTemplate.APPROVED:
      return said('your account is open', `An admin has approved it. Log in${site}, or by:\n\n  pop44 login\n`);
    case MailTemplate.NOTHING:
    case MailTemplate.UNSPECIFIED:
    default:
      return undefined;
  }
}
