// Login pages: into an account and out of it, for both sites.

import { hash } from 'node:crypto';
import { timestampDate } from '@bufbuild/protobuf/wkt';
import { field, form, problem } from './fields.ts';
import { html } from './html.ts';
import { nextPage } from './site.ts';
import { type Answer, get, type Page, post, type Route, type Visit } from './visit.ts';
import { type Trouble, troubleOf } from './words.ts';

export interface LoginAround {
  readonly kind: 'public' | 'console';
  /** 32 random bytes. */
  readonly newSecret: () => Buffer;
}

const browsers: readonly (readonly [string, RegExp])[] = [
  ['Edge', /\bEdg\//],
  ['Firefox', /\bFirefox\//],
  ['Chrome', /Chrom(?:e|ium)\//],
  ['Safari', /\bSafari\//],
];
const systems: readonly (readonly [string, RegExp])[] = [
  ['Android', /Android/],
  ['iOS', /iPhone|iPad/],
  ['Windows', /Windows/],
  ['macOS', /Mac OS X/],
  ['Linux', /Linux/],
];
/** How the list of logins calls it. */
function labelOf(userAgent: string, kind: LoginAround['kind']): string {
  const among = (all: typeof browsers): string | undefined => all.find(([, form_]) => form_.test(userAgent))?.[0];
  const browser = among(browsers) ?? 'Browser';
  const system = among(systems);
  return `${browser}${system === undefined ? '' : ` on ${system}`}${kind === 'console' ? ' (console)' : ''}`;
}

const said: Readonly<Record<string, string>> = {
  verified: 'Your address is confirmed and your account is open. Log in.',
  pending: 'Your address is confirmed. An operator looks at each new account; you get a mail when yours is open.',
  reset: 'Your new password is set. Log in with it.',
  out: 'You are logged out.',
  ended: 'Your login has ended. Log in again.',
};

function loginPage(visit: Visit, { kind }: LoginAround, trouble?: Trouble): Page {
  const name = visit.form.get('name') ?? '';
  const note = said[visit.query.get('said') ?? ''];
  const next = nextPage(visit.form.get('next') ?? visit.query.get('next'));
  return {
    title: 'Log in',
    body: html`<div class="narrow">
<h1>Log in</h1>
${note === undefined ? undefined : html`<p class="notice" role="status">${note}</p>`}
${problem(trouble, ['name', 'password'])}
${form(
  { action: '/login', token: visit.token },
  html`<input type="hidden" name="next" value="${next}">
${field({ name: 'name', label: 'Callsign or e-mail', value: name, autocomplete: 'username', autocapitalize: 'none', spellcheck: 'false', maxlength: 254, required: true, first: true }, trouble)}
${field({ name: 'password', label: 'Password', type: 'password', autocomplete: 'current-password', maxlength: 1024, required: true }, trouble)}
<button>Log in</button>`,
)}
${kind === 'console' ? undefined : html`<p class="below"><a href="/forgot">Set another password</a> · <a href="/">Sign up</a></p>`}
</div>`,
  };
}

export function loginRoutes(around: LoginAround): readonly Route[] {
  async function logIn(visit: Visit): Promise<Answer> {
    const secret = around.newSecret();
    const name = (visit.form.get('name') ?? '').trim();
    const password = visit.form.get('password') ?? '';
    try {
      const { login } = await visit.client.people.login(
        { name, password, secretHash: hash('sha256', secret, 'buffer'), label: labelOf(visit.userAgent, around.kind) },
        // An old login of this browser is none of this one's business, and may have ended.
        { ...visit.call, bearer: undefined },
      );
      const expires = login?.expiresAt === undefined ? new Date(0) : timestampDate(login.expiresAt);
      return { to: nextPage(visit.form.get('next')), login: { secret: secret.toString('base64url'), expires } };
    } catch (thrown) {
      const trouble = troubleOf(thrown);
      if (trouble === undefined) throw thrown;
      return { page: loginPage(visit, around, { ...trouble, loggedOut: false }), status: trouble.status };
    }
  }

  async function logOut(visit: Visit): Promise<Answer> {
    // One that has ended already is as good.
    if (visit.bearer !== undefined)
      await visit.client.people.logout({}, visit.call).catch((thrown: unknown) => {
        if (troubleOf(thrown)?.loggedOut !== true) throw thrown;
      });
    return { to: '/login?said=out', login: 'gone' };
  }

  return [
    get('/login', async (visit) => ({ page: loginPage(visit, around) })),
    post('/login', logIn),
    post('/logout', logOut),
  ];
}
