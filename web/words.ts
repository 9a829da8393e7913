// Words: what daemons refuse and how they fail, as people are told it.

import { Fault, type Refusal } from '#internal/errors/errors.ts';
import { Refused } from '#internal/rpc/rpc.ts';

export interface Trouble {
  readonly status: number;
  /** Of the form; empty: it is about no single one. */
  readonly field: string;
  readonly text: string;
  /** Whoever asks has to log in. */
  readonly loggedOut?: boolean;
}

const labels: Readonly<Record<string, string>> = {
  callsign: 'Callsign',
  email: 'Address',
  password: 'Password',
  old_password: 'Current password',
  new_password: 'New password',
  name: 'Name',
  public_key: 'Key',
  next_public_key: 'Key',
  secret: 'The code',
  reason: 'Reason',
  user: 'User',
};

/** In place of what was said to somebody at a command line. By reason and field. */
const instead: Readonly<Record<string, string>> = {
  'unauthenticated password':
    'Name and password do not belong together. Check both, or set another password by the link below.',
  'not-found secret': 'This link was used already, or is older than 30 minutes. Ask for another one.',
  'stale-etag etag':
    'It was changed meanwhile, perhaps by you in another tab. This is how it is now; change it again if you like.',
  'already-exists name': 'There is one of this name already. Choose another.',
  'duplicate-key public_key': 'Another tunnel has this key. Make a new one for each device.',
};

const capital = (text: string): string => `${text.slice(0, 1).toUpperCase()}${text.slice(1)}`;
const ended = (text: string): string => (/[.!?]$/.test(text) ? text : `${text}.`);

/** `tunnel.public_key` is `public_key` in a form. */
const fieldOf = ({ field }: Refusal): string => field.slice(field.lastIndexOf('.') + 1);

/** `password: has 3 characters (15 to 256 characters)` as two sentences. */
function sentence(refusal: Refusal): string {
  const { refused, field, cure, message } = refusal;
  const name = fieldOf(refusal);
  const known = instead[`${refused} ${name}`];
  if (known !== undefined) return known;
  const start = field !== '' && message.startsWith(`${field}: `) ? field.length + 2 : 0;
  const end = cure !== '' && message.endsWith(` (${cure})`) ? message.length - cure.length - 3 : message.length;
  const problem = message.slice(start, end);
  const subject =
    problem.startsWith('"') || field === '' ? '' : `${labels[name] ?? capital(name.replaceAll('_', ' '))} `;
  // A command, or an option of one, is no cure in a page.
  const help = cure === '' || /^pop44 |--[a-z]|^as .* list shows/.test(cure) ? '' : ` ${ended(capital(cure))}`;
  const obstacles = (refusal.obstacles ?? []).length > 0 ? ` In the way: ${refusal.obstacles?.join('; ')}.` : '';
  return `${ended(capital(`${subject}${problem}`))}${help}${obstacles}`;
}

const statusOf = (refused: Refusal['refused']): number => {
  if (refused === 'not-found') return 404;
  if (refused === 'forbidden' || refused === 'not-owner') return 403;
  if (refused === 'busy') return 429;
  return refused === 'unavailable' ? 503 : 422;
};

/** What to tell about whatever was thrown; undefined: nothing that anybody may hear of. */
export function troubleOf(thrown: unknown): Trouble | undefined {
  if (thrown instanceof Refused) {
    const { refusal } = thrown;
    if (refusal.refused === 'unauthenticated' && fieldOf(refusal) !== 'password')
      return { status: 401, field: '', text: 'Log in first.', loggedOut: true };
    return { status: statusOf(refusal.refused), field: fieldOf(refusal), text: sentence(refusal) };
  }
  if (!(thrown instanceof Fault)) return undefined;
  const { code } = thrown;
  if (code === 'pending' || code === 'deadline' || code === 'dropped')
    return {
      status: 504,
      field: '',
      text: 'No daemon has answered in time. It may have been done all the same: look before you try again.',
    };
  if (code === 'unavailable')
    return {
      status: 503,
      field: '',
      text: 'No daemon can be reached at the moment. Nothing was changed; try again in a minute.',
    };
  return undefined;
}
