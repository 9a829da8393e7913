// Live: keeps what a page says of tunnels as it is, and draws their rates. Closed while nobody looks.

interface State {
  readonly id: string;
  readonly word: string;
  readonly label: string;
  readonly at: string;
  readonly sent: string;
  readonly received: string;
  readonly up: number;
  readonly down: number;
  readonly last: string;
}

const colours: Readonly<Record<string, string>> = { up: 'up', quiet: 'warn', stopped: 'bad' };
const away = document.querySelector<HTMLElement>('#away');

function say(text: string): void {
  if (!away) return;
  away.textContent = text;
  away.hidden = text === '';
}

const ago = (iso: string): string => {
  if (iso === '') return 'none yet';
  const seconds = Math.max(0, Math.round((new Date().getTime() - Date.parse(iso)) / 1_000));
  if (seconds < 10) return 'just now';
  if (seconds < 120) return `${seconds} s ago`;
  return seconds < 7_200 ? `${Math.round(seconds / 60)} min ago` : new Date(iso).toLocaleString();
};

const rate = (bits: number): string => {
  const units = ['bit/s', 'kbit/s', 'Mbit/s', 'Gbit/s'];
  let [value, unit] = [bits, 0];
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1_000;
    unit += 1;
  }
  return `${value < 10 && unit > 0 ? value.toFixed(1) : Math.round(value)} ${units[unit]}`;
};

/** Two minutes of rates, one each two seconds. */
const points = 60;
const history_: { readonly up: number; readonly down: number }[] = [];
let before: { readonly up: number; readonly down: number; readonly at: number } | undefined;

function plot({ up, down }: State): void {
  const figure = document.querySelector<HTMLElement>('#plot');
  if (!figure) return;
  const at = performance.now();
  if (before !== undefined && at > before.at) {
    const seconds = (at - before.at) / 1_000;
    const of = (now: number, then: number): number => (Math.max(0, now - then) * 8) / seconds;
    // Nothing comes while nothing changes.
    for (let silent = Math.min(points, Math.round(seconds / 2) - 1); silent > 0; silent -= 1)
      history_.push({ up: 0, down: 0 });
    history_.push({ up: of(up, before.up), down: of(down, before.down) });
    history_.splice(0, Math.max(0, history_.length - points));
    figure.hidden = false;
  }
  before = { up, down, at };
  const most = Math.max(1, ...history_.flatMap((each) => [each.up, each.down]));
  for (const way of ['up', 'down'] as const) {
    const line = history_.map(
      (each, index) => `${(points - history_.length + index) * 2},${(39 - (each[way] / most) * 38).toFixed(1)}`,
    );
    figure.querySelector(`polyline.${way}`)?.setAttribute('points', line.join(' '));
    const shown = figure.querySelector(`[data-rate=${way}]`);
    if (shown) shown.textContent = rate(history_.at(-1)?.[way] ?? 0);
  }
}

function show(state: State): void {
  const place = document.querySelector<HTMLElement>(`[data-id="${CSS.escape(state.id)}"]`);
  if (!place) return;
  const put = (name: string, text: string): void => {
    const found = place.querySelector(`[data-live=${name}]`);
    if (found && found.textContent !== text) found.textContent = text;
  };
  put('label', state.label);
  place.querySelector('[data-live=label]')?.setAttribute('class', `state ${colours[state.word] ?? ''}`);
  put('at', state.at || 'no node');
  put('sent', state.sent);
  put('received', state.received);
  put('last', ago(state.last));
  plot(state);
}

/** A page of one tunnel hears of it alone, with its bytes; a list of all of them, without. */
const subject = document.querySelector<HTMLElement>('main section[data-id]')?.dataset['id'];
const address = subject === undefined ? '/live' : `/live?of=${encodeURIComponent(subject)}`;

let source: EventSource | undefined;
function open(): void {
  source ??= new EventSource(address);
  source.addEventListener('state', (event) => {
    say('');
    for (const state of JSON.parse((event as MessageEvent<string>).data) as readonly State[]) show(state);
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
document.addEventListener('visibilitychange', () => (document.hidden ? shut() : open()));
if (!document.hidden) open();
