// Layout: a page whole: head, navigation, body.

import type { Assets } from './assets.ts';
import { attributes, html, type Html, nothing } from './html.ts';
import type { Page, Visit } from './visit.ts';
import { action } from './fields.ts';

export interface Frame {
  readonly name: string;
  readonly kind: 'public' | 'console';
  readonly assets: Assets;
}

interface Entry {
  readonly to: string;
  readonly label: string;
}

const userEntries: readonly Entry[] = [
  { to: '/tunnels', label: 'Tunnels' },
  { to: '/account', label: 'Account' },
];
const strangerEntries: readonly Entry[] = [
  { to: '/', label: 'Sign up' },
  { to: '/login', label: 'Log in' },
];
const consoleEntries: readonly Entry[] = [
  { to: '/', label: 'Overview' },
  { to: '/nodes', label: 'Nodes' },
  { to: '/pools', label: 'Pools' },
  { to: '/tunnels', label: 'Tunnels' },
  { to: '/users', label: 'Users' },
  { to: '/audit', label: 'Audit' },
  { to: '/tokens', label: 'Tokens' },
];

/** A regional admin sees no accounts, and not what others have done. */
const hidden: ReadonlySet<string> = new Set(['/users', '/audit']);

function navigation({ kind }: Frame, page: Page, visit: Pick<Visit, 'path' | 'token'>): Html {
  const isIn = page.me !== undefined;
  const entries = kind === 'console' ? (isIn ? consoleEntries : []) : isIn ? userEntries : strangerEntries;
  const isShort = page.me?.role === 'regional-admin';
  const shown = entries
    .filter(({ to }) => !isShort || !hidden.has(to))
    .filter(() => kind === 'public' || page.me?.role !== 'user');
  const isHere = (to: string): boolean => visit.path === to || (to !== '/' && visit.path.startsWith(`${to}/`));
  const links = shown.map(
    ({ to, label }) =>
      html`<li><a href="${to}"${attributes({ 'aria-current': isHere(to) ? 'page' : undefined })}>${label}</a></li>`,
  );
  const out = isIn
    ? html`<li class="who"><span>${page.me?.callsign}</span>${action({ action: '/logout', token: visit.token, label: 'Log out', kind: 'link' })}</li>`
    : nothing;
  return html`<nav aria-label="Main"><ul>${links}${out}</ul></nav>`;
}

export function layout(frame: Frame, page: Page, visit: Pick<Visit, 'path' | 'token'>): string {
  const { assets, name, kind } = frame;
  const scripts = (page.scripts ?? []).map(
    (script) => html`<script type="module" src="${assets.script(script)}"></script>`,
  );
  const mark = html`<svg class="mark" viewBox="0 0 24 24" aria-hidden="true"><path d="M12 21V10m-5 11h10M12 10l-4 11m4-11 4 11"/><circle cx="12" cy="7" r="2"/><path d="M7.5 11a6 6 0 0 1 0-8m9 8a6 6 0 0 0 0-8"/></svg>`;
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${page.title} · ${name}</title>
<link rel="stylesheet" href="${assets.style}">
<link rel="icon" href="data:,">
${scripts}
</head>
<body class="${kind}">
<a class="skip" href="#main">Skip to the content</a>
<header><div class="bar"><a class="brand" href="/">${mark}<span>${name}${kind === 'console' ? html`<em>console</em>` : nothing}</span></a>
${navigation(frame, page, visit)}</div></header>
<main id="main" tabindex="-1">
${page.body}
</main>
</body>
</html>
`.text;
}
