// Console: search as one types, and figures that stay as they are.

interface Row {
  readonly id: string;
  readonly name: string;
  readonly owner: string;
  readonly addresses: string;
  readonly pop: string;
  readonly at: string;
  readonly label: string;
  readonly colour: string;
}
interface Found {
  readonly rows: readonly Row[];
  readonly count: string;
  readonly page: number;
  readonly pages: number;
}

const away = document.querySelector<HTMLElement>('#away');
function say(text: string): void {
  if (!away) return;
  away.textContent = text;
  away.hidden = text === '';
}

const element = (tag: string, text: string, of: string = ''): HTMLElement => {
  const made = document.createElement(tag);
  made.textContent = text;
  if (of !== '') made.className = of;
  return made;
};

/** What columns are called: cells say it where there is no room for columns (web/table.ts). */
const labels = [...document.querySelectorAll('thead th')].map((head) => head.textContent ?? '');

function cell(content: HTMLElement, label: string | undefined, of: string = ''): HTMLElement {
  const made = element('td', '', of);
  if (label !== undefined) made.dataset['label'] = label;
  made.append(content);
  return made;
}

function line({ id, name, owner, addresses, pop, at, label, colour }: Row): HTMLElement {
  const row = document.createElement('tr');
  const head = element('th', '');
  head.setAttribute('scope', 'row');
  const link = document.createElement('a');
  link.href = `/tunnels/${id}`;
  link.textContent = name;
  const title = element('div', '');
  title.append(link);
  head.append(title);
  const state = element('div', '');
  state.append(element('span', label, `state ${colour}`));
  row.append(
    head,
    cell(element('div', owner), labels[1]),
    cell(element('div', addresses), labels[2], 'mono'),
    cell(element('div', pop), labels[3]),
    cell(element('div', at), labels[4]),
    cell(state, undefined, 'corner'),
  );
  return row;
}

const search = document.querySelector<HTMLFormElement>('form#search');
const input = document.querySelector<HTMLInputElement>('#q');
let asked: AbortController | undefined;

const pageLink = (query: URLSearchParams, page: number, label: string): HTMLElement => {
  const link = document.createElement('a');
  const to = new URLSearchParams(query);
  to.set('page', String(page));
  link.href = `/tunnels?${to}`;
  link.textContent = label;
  return link;
};

async function find(text: string): Promise<void> {
  asked?.abort();
  asked = new AbortController();
  const query = new URLSearchParams(text === '' ? {} : { q: text });
  try {
    const response = await fetch(`/tunnels/rows?${query}`, {
      headers: { accept: 'application/json' },
      signal: asked.signal,
    });
    const found = (await response.json()) as Found & { readonly problem?: { readonly text: string } };
    if (found.problem !== undefined) return say(found.problem.text);
    say('');
    document.querySelector('#rows')?.replaceChildren(...found.rows.map(line));
    const count = document.querySelector('#count');
    if (count) count.textContent = found.count;
    document
      .querySelector('#pages')
      ?.replaceChildren(
        ...(found.pages > 1 ? [`Page ${found.page} of ${found.pages} `, pageLink(query, found.page + 1, 'Next')] : []),
      );
    // What is shown can be sent to somebody, and found again.
    history.replaceState(null, '', query.size === 0 ? '/tunnels' : `/tunnels?${query}`);
  } catch (thrown) {
    if (!(thrown instanceof DOMException && thrown.name === 'AbortError')) say('The server does not answer.');
  }
}
input?.addEventListener('input', () => void find(input.value.trim()));
search?.addEventListener('submit', (event) => {
  event.preventDefault();
  if (input) void find(input.value.trim());
});

/** As web/console/topology.ts does. */
const cut = (text: string, most: number): string => (text.length > most ? `${text.slice(0, most - 1)}…` : text);

function patch(cells: readonly (readonly [string, string, string])[]): void {
  for (const [key, text, colour] of cells)
    for (const place of document.querySelectorAll(`[data-cell="${CSS.escape(key)}"]`)) {
      const base = place.getAttribute('data-base') ?? '';
      if (!place.hasAttribute('data-shape')) {
        const short = cut(text, Number(place.getAttribute('data-most') ?? text.length));
        if (place.textContent !== short) place.textContent = short;
      }
      const now = `${base} ${colour}`.trim();
      if ((place.getAttribute('class') ?? '') !== now) place.setAttribute('class', now);
    }
}

let source: EventSource | undefined;
function open(): void {
  source ??= new EventSource('/live');
  source.addEventListener('state', (event) => {
    say('');
    patch(JSON.parse((event as MessageEvent<string>).data) as readonly (readonly [string, string, string])[]);
  });
  source.addEventListener('away', (event) => say(JSON.parse((event as MessageEvent<string>).data) as string));
  source.addEventListener('ended', (event) => {
    shut();
    say(JSON.parse((event as MessageEvent<string>).data) as string);
  });
  source.addEventListener('error', () => say('The server does not answer; what you see may be old.'));
}
function shut(): void {
  source?.close();
  source = undefined;
}
if (document.querySelector('[data-cell]')) {
  document.addEventListener('visibilitychange', () => (document.hidden ? shut() : open()));
  if (!document.hidden) open();
}
