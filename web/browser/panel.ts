// Panel: a tunnel's file in every form, rendered here from the daemon's template and a key that stays here.

import type { ClientFile, Format, ReturnPath } from '#internal/clientfile/clientfile.ts';

const element = <T extends HTMLElement>(id: string): T => {
  const found = document.getElementById(id);
  if (found === null) throw new Error(`no #${id}`);
  return found as T;
};

type Template = Omit<ClientFile, 'privateKey'>;

const templates = new Map<string, Promise<Template>>();
function templateOf(tunnel: string, pop: string): Promise<Template> {
  const path = `/tunnels/${tunnel}/template?pop=${encodeURIComponent(pop)}`;
  const known = templates.get(path);
  if (known !== undefined) return known;
  const asked = fetch(path, { headers: { accept: 'application/json' } }).then(async (response) => {
    const said = (await response.json()) as Template & { readonly problem?: { readonly text: string } };
    if (!response.ok) throw new Error(said.problem?.text ?? 'The server does not answer.');
    return said;
  });
  templates.set(path, asked);
  asked.catch(() => templates.delete(path));
  return asked;
}

let saved = true;
addEventListener('beforeunload', (event) => {
  if (!saved) event.preventDefault();
});

function download(name: string, text: string): void {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob([text], { type: 'application/octet-stream' }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
  saved = true;
}

/** wg-quick(8) takes the interface's name from the file's: 15 characters on Linux. */
const fileName = (name: string, extension: string): string =>
  `${name.slice(0, 15).replace(/-+$/, '') || 'pop44'}${extension}`;

export interface Shown {
  readonly tunnel: string;
  readonly name: string;
  readonly privateKey: string;
  readonly presharedKey?: string;
  /** It was made a moment ago, and is nowhere else. */
  readonly isNew: boolean;
}

const phoneSteps = [
  'Install the WireGuard app on the phone.',
  'In the app: +, then Scan from QR code.',
  'Give it a name and switch it on.',
];

/** What is to be done with a file, a line each: what it says to people itself, before its first line for a program. */
function steps(text: string, kind: string, path: ReturnPath): readonly string[] {
  if (kind === 'phone') return phoneSteps;
  const lines = text.split('\n');
  if (kind !== 'wg-quick' || path === 'all')
    return lines
      .slice(1, 4)
      .filter((line) => line.startsWith('#'))
      .map((line) => line.replace(/^# *(\d\. )?/, ''));
  const rules = lines.flatMap((line) => /^#\s+(ip -[46] rule add .*)$/.exec(line)?.[1] ?? []);
  return [
    'This file is for Linux alone: the apps of other systems know no rules of routing. For them choose Everything.',
    'Put it into /etc/wireguard as NAME.conf, readable for root alone; then: wg-quick up NAME',
    ...rules.map((rule) => `Once after each boot, as root: ${rule}`),
  ];
}

let shown: Shown | undefined;
let picture = '';

async function draw(): Promise<void> {
  if (shown === undefined) return;
  const { tunnel, name, privateKey, presharedKey } = shown;
  const kind = element<HTMLSelectElement>('file-kind').value;
  // A phone's app knows no rules of routing.
  const takesAll = kind === 'phone';
  const path = takesAll ? 'all' : (element<HTMLSelectElement>('file-path').value as ReturnPath);
  element('file-paths').hidden = takesAll;
  element('file-takes-all').hidden = !takesAll;
  const [saves, problem] = [element('file-saves'), element('file-problem')];
  problem.textContent = '';
  try {
    const [{ render, qrSvg }, template] = await Promise.all([
      import('#internal/clientfile/clientfile.ts'),
      templateOf(tunnel, element<HTMLSelectElement>('file-pop').value),
    ]);
    const format: Format = kind === 'phone' ? 'wg-quick' : (kind as Format);
    const file = { ...template, privateKey, ...(presharedKey === undefined ? {} : { presharedKey }) };
    const files = render(file, format, path);
    const [first] = files;
    saves.replaceChildren(
      ...files.map(({ extension, text }) => {
        const button = document.createElement('button');
        button.type = 'button';
        button.textContent = `Save ${fileName(name, extension)}`;
        button.addEventListener('click', () => download(fileName(name, extension), text));
        return button;
      }),
    );
    const text = first?.text ?? '';
    element('file-lines').replaceChildren(
      ...steps(text, kind, path).map((line) => {
        const item = document.createElement('li');
        item.textContent = line;
        return item;
      }),
    );
    element('file-text').textContent = files.map((each) => each.text).join('\n');
    URL.revokeObjectURL(picture);
    if (kind === 'phone' && first !== undefined) {
      picture = URL.createObjectURL(new Blob([qrSvg(text)], { type: 'image/svg+xml' }));
      const image = new Image();
      image.className = 'qr';
      image.alt = `QR code with the file of ${name}, for the WireGuard app of a phone`;
      image.src = picture;
      element('file-picture').replaceChildren(image);
      // It leaves by the camera.
      saved = saved || shown.isNew;
    } else element('file-picture').replaceChildren();
  } catch (thrown) {
    saves.replaceChildren();
    problem.textContent = thrown instanceof Error ? thrown.message : String(thrown);
  }
}

/** Shows the panel and moves the focus there. */
export function showPanel(what: Shown, pops: readonly string[]): void {
  shown = what;
  saved = !what.isNew;
  const select = element<HTMLSelectElement>('file-pop');
  if (pops.length > 0)
    select.replaceChildren(
      ...pops.map((pop) => {
        const option = document.createElement('option');
        option.value = option.textContent = pop;
        return option;
      }),
    );
  element('file-pops').hidden = select.options.length < 2;
  element('file-warning').hidden = !what.isNew;
  for (const id of ['file-kind', 'file-path', 'file-pop']) element(id).onchange = () => void draw();
  const panel = element('file-panel');
  panel.hidden = false;
  panel.focus();
  void draw();
}
