// Sign-up pages: from a callsign to an account: the form, the mail, its button, and another password for who has lost it.

import { UserState } from '#internal/gen/pop44/store/v1/people_pb.ts';
import { field, form, problem } from './fields.ts';
import { attributes, html, type Html } from './html.ts';
import type { Limit } from './limit.ts';
import { prefixOf } from './source.ts';
import { type Answer, get, type Page, post, type Route, type Visit } from './visit.ts';
import { type Trouble, troubleOf } from './words.ts';
import type { Work } from './work.ts';

export interface SignUpAround {
  readonly name: string;
  readonly work: Work;
  /** Of sign-ups that have found no number: browsers without scripts. */
  readonly withoutWork: Limit;
}

const value = (visit: Visit, name: string): string => visit.form.get(name) ?? '';

const newPassword = (name: string, label: string, first = false) => ({
  ...{ name, label, type: 'password' as const, autocomplete: 'new-password', maxlength: 1024, required: true, first },
  hint: '15 characters or more, of any kind. A few words that nobody else would put together are best.',
});

function signUpPage(visit: Visit, { name, work }: SignUpAround, trouble?: Trouble): Page {
  const lost = trouble === undefined ? undefined : 'Type the password once more: it is not kept.';
  return {
    title: 'Sign up',
    scripts: ['sign-up'],
    body: html`<div class="hero"><div class="intro">
<h1>A public address for your station</h1>
<p class="lead">${name} gives any device its own fixed address of 44Net, IPv4 and IPv6, behind any router and any provider. You need an amateur radio callsign.</p>
</div><ol class="steps"><li>Sign up, and confirm your address by the mail you get.</li><li>Create a tunnel: your browser makes its key, which never leaves your device.</li><li>Import one file, or scan a code, in the WireGuard app.</li></ol>
<div class="card">
<h2>Sign up</h2>
${problem(trouble, ['callsign', 'email', 'password'])}
${form(
  { action: '/signup', token: visit.token, id: 'sign-up' },
  html`<input type="hidden" name="challenge"${attributes({ value: work.challenge(prefixOf(visit.source)), 'data-bits': work.bits })}>
<input type="hidden" name="answer" value="">
${field({ name: 'callsign', label: 'Callsign', value: value(visit, 'callsign'), hint: 'Without prefix or suffix: OE1XYZ', autocomplete: 'username', autocapitalize: 'characters', spellcheck: 'false', maxlength: 32, required: true }, trouble)}
${field({ name: 'email', label: 'E-mail', type: 'email', value: value(visit, 'email'), autocomplete: 'email', maxlength: 254, required: true }, trouble)}
${field({ ...newPassword('password', 'Password'), ...(lost === undefined || trouble?.field === 'password' ? {} : { hint: lost }) }, trouble)}
<button>Sign up</button><p class="working" id="working" role="status"></p>`,
)}
<p class="below">You have an account? <a href="/login">Log in</a></p>
</div></div>`,
  };
}

const sentPage = (title: string, text: Html): Page => ({
  title,
  body: html`<div class="narrow"><h1>${title}</h1><p class="lead">${text}</p>
<p>It comes within a minute. Nothing there? Look where your mail program keeps what it takes for advertising, and check the address you typed.</p></div>`,
});

async function signUp(visit: Visit, around: SignUpAround): Promise<Answer> {
  const source = prefixOf(visit.source);
  const solved = around.work.spend(value(visit, 'challenge'), value(visit, 'answer'), source);
  // Taken before and given back after: between the two, others of this source are turned away.
  const waitSeconds = solved ? 0 : around.withoutWork.take(source);
  if (waitSeconds > 0) {
    const minutes = Math.ceil(waitSeconds / 60);
    const text = `Without scripts, one sign-up in ten minutes is taken from each network. Try again in ${minutes} minute${minutes === 1 ? '' : 's'}, or switch scripts on.`;
    return { page: signUpPage(visit, around, { status: 429, field: '', text }), status: 429 };
  }
  const request = {
    callsign: value(visit, 'callsign').trim(),
    email: value(visit, 'email').trim(),
    password: value(visit, 'password'),
  };
  try {
    await visit.client.people.signUp(request, visit.call);
    return { to: '/sent' };
  } catch (thrown) {
    const trouble = troubleOf(thrown);
    if (trouble === undefined) throw thrown;
    // A typing mistake costs nobody ten minutes; what may have been done all the same does.
    if (!solved && trouble.status !== 504) around.withoutWork.giveBack(source);
    return { page: signUpPage(visit, around, trouble), status: trouble.status };
  }
}

/** What a link's page asks for: the code comes from behind the #, by script, or out of the mail by hand. */
const codeField = (visit: Visit, trouble?: Trouble): Html =>
  field(
    {
      ...{ name: 'secret', label: 'Code from the mail', value: value(visit, 'secret'), autocomplete: 'one-time-code' },
      ...{ autocapitalize: 'none', spellcheck: 'false' as const, maxlength: 64, required: true },
    },
    trouble,
  );

const codeOf = (visit: Visit): Buffer => Buffer.from(value(visit, 'secret').trim(), 'base64url');

const verifyPage = (visit: Visit, trouble?: Trouble): Page => ({
  title: 'Confirm your address',
  scripts: ['code'],
  body: html`<div class="narrow"><h1>Confirm your address</h1>
<p class="lead">One press, and your account is made.</p>
${problem(trouble, ['secret'])}
${form({ action: '/verify', token: visit.token, id: 'code' }, html`${codeField(visit, trouble)}<button>Confirm</button>`)}
</div>`,
});

async function verify(visit: Visit): Promise<Answer> {
  try {
    const { state } = await visit.client.people.verify({ secret: codeOf(visit) }, visit.call);
    return { to: `/login?said=${state === UserState.ACTIVE ? 'verified' : 'pending'}` };
  } catch (thrown) {
    const trouble = troubleOf(thrown);
    if (trouble === undefined) throw thrown;
    return { page: verifyPage(visit, trouble), status: trouble.status };
  }
}

const forgotPage = (visit: Visit, trouble?: Trouble): Page => ({
  title: 'Another password',
  body: html`<div class="narrow"><h1>Another password</h1>
<p class="lead">We send you a link that sets another password. It is good for 30 minutes.</p>
${problem(trouble, ['email'])}
${form(
  { action: '/forgot', token: visit.token },
  html`${field({ name: 'email', label: 'E-mail', type: 'email', value: value(visit, 'email'), autocomplete: 'email', maxlength: 254, required: true, first: true }, trouble)}<button>Send the link</button>`,
)}
<p class="below"><a href="/login">Log in</a></p></div>`,
});

async function forgot(visit: Visit): Promise<Answer> {
  try {
    await visit.client.people.requestReset({ email: value(visit, 'email').trim() }, visit.call);
    return { to: '/reset-sent' };
  } catch (thrown) {
    const trouble = troubleOf(thrown);
    if (trouble === undefined) throw thrown;
    return { page: forgotPage(visit, trouble), status: trouble.status };
  }
}

const resetPage = (visit: Visit, trouble?: Trouble): Page => ({
  title: 'Set your new password',
  scripts: ['code'],
  body: html`<div class="narrow"><h1>Set your new password</h1>
<p class="lead">It ends every login that there is, on all devices.</p>
${problem(trouble, ['secret', 'password'])}
${form(
  { action: '/reset', token: visit.token, id: 'code' },
  html`${codeField(visit, trouble)}${field(newPassword('password', 'New password'), trouble)}<button>Set it</button>`,
)}</div>`,
});

async function reset(visit: Visit): Promise<Answer> {
  try {
    await visit.client.people.reset({ secret: codeOf(visit), password: value(visit, 'password') }, visit.call);
    return { to: '/login?said=reset', login: 'gone' };
  } catch (thrown) {
    const trouble = troubleOf(thrown);
    if (trouble === undefined) throw thrown;
    return { page: resetPage(visit, trouble), status: trouble.status };
  }
}

export function signUpRoutes(around: SignUpAround): readonly Route[] {
  return [
    get('/', async (visit) => (visit.bearer === undefined ? { page: signUpPage(visit, around) } : { to: '/tunnels' })),
    get('/signup', async () => ({ to: '/' })),
    post('/signup', (visit) => signUp(visit, around)),
    get('/sent', async () => ({
      page: sentPage(
        'Look into your mail',
        html`We have sent you what to do next. The link in it is good for 30 minutes.`,
      ),
    })),
    get('/verify', async (visit) => ({ page: verifyPage(visit) })),
    post('/verify', verify),
    get('/forgot', async (visit) => ({ page: forgotPage(visit) })),
    post('/forgot', forgot),
    get('/reset-sent', async () => ({
      page: sentPage(
        'Look into your mail',
        html`If there is an account with that address, a link to set another password is on its way.`,
      ),
    })),
    get('/reset', async (visit) => ({ page: resetPage(visit) })),
    post('/reset', reset),
  ];
}
