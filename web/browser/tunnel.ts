// Tunnel: makes keys for a new tunnel and for a rotation, and files from a key that somebody has.

import { makeKey, publicKeyOf } from './key.ts';
import { showPanel } from './panel.ts';

interface Problem {
  readonly field: string;
  readonly text: string;
}
interface Said {
  readonly problem?: Problem;
  readonly id?: string;
  readonly name?: string;
  readonly pops?: readonly string[];
}

async function send(form: HTMLFormElement, more: Readonly<Record<string, string>>): Promise<Said> {
  const body = new URLSearchParams();
  for (const [name, value] of new FormData(form)) if (typeof value === 'string') body.set(name, value);
  for (const [name, value] of Object.entries(more)) body.set(name, value);
  try {
    const response = await fetch(form.action, { method: 'POST', body, headers: { accept: 'application/json' } });
    return (await response.json()) as Said;
  } catch {
    return { problem: { field: '', text: 'The server does not answer. Try again in a minute.' } };
  }
}

/** Tells what is wrong, at its field where there is one, and moves the focus there. */
function tell(form: HTMLFormElement, at: string, { field, text }: Problem): void {
  const input = field === '' ? null : form.querySelector<HTMLElement>(`#${CSS.escape(field)}`);
  const place = document.getElementById(at);
  if (place) place.textContent = text;
  if (input === null) return;
  input.setAttribute('aria-invalid', 'true');
  input.setAttribute('aria-describedby', at);
  if (place) input.closest('.field')?.append(place);
  input.focus();
}

function clear(form: HTMLFormElement, at: string): void {
  const place = document.getElementById(at);
  if (place) place.textContent = '';
  for (const input of form.querySelectorAll('[aria-invalid]')) input.removeAttribute('aria-invalid');
}

/** One at a time: a second press is the first one's. */
function onSubmit(
  form: HTMLFormElement | null,
  at: string,
  work: (form: HTMLFormElement) => Promise<Problem | undefined>,
): void {
  form?.addEventListener('submit', (event) => {
    event.preventDefault();
    const button = form.querySelector<HTMLButtonElement>('button');
    if (button?.disabled) return;
    if (button) button.disabled = true;
    clear(form, at);
    void work(form)
      .catch(
        (thrown: unknown): Problem => ({ field: '', text: thrown instanceof Error ? thrown.message : String(thrown) }),
      )
      .then((problem) => {
        if (button) button.disabled = false;
        if (problem !== undefined) tell(form, at, problem);
      });
  });
}

const byId = (id: string): HTMLFormElement | null => document.querySelector<HTMLFormElement>(`form#${id}`);
const panel = document.querySelector<HTMLElement>('#file-panel');
const tunnel = panel?.dataset['tunnel'] ?? '';
const heading = (): string => document.querySelector('h1')?.textContent ?? 'pop44';

// A press that goes to the same key again after an answer was lost is the same request.
let made: ReturnType<typeof makeKey> | undefined;

onSubmit(byId('create'), 'create-problem', async (form) => {
  made ??= makeKey();
  const { privateKey, publicKey } = await made;
  const said = await send(form, { public_key: publicKey });
  if (said.problem !== undefined || said.id === undefined)
    return said.problem ?? { field: '', text: 'The answer makes no sense.' };
  const { id, name = 'pop44', pops = [] } = said;
  const start = document.querySelector<HTMLElement>('#new-tunnel');
  if (start) start.hidden = true;
  const title = document.querySelector('h1');
  if (title) title.textContent = name;
  const link = document.createElement('a');
  link.href = `/tunnels/${id}`;
  link.className = 'button quiet';
  link.textContent = 'To the tunnel';
  const line = document.createElement('p');
  line.className = 'below';
  line.append(link);
  panel?.append(line);
  showPanel({ tunnel: id, name, privateKey, isNew: true }, pops);
  return undefined;
});

onSubmit(byId('rotate'), 'rotate-problem', async (form) => {
  made ??= makeKey();
  const { privateKey, publicKey } = await made;
  const said = await send(form, { public_key: publicKey });
  if (said.problem !== undefined) return said.problem;
  made = undefined;
  showPanel({ tunnel, name: heading(), privateKey, isNew: true }, []);
  return undefined;
});

const again = byId('again');
if (again) again.hidden = false;
onSubmit(again, 'again-problem', async () => {
  const text = document.querySelector<HTMLTextAreaElement>('#own-key')?.value ?? '';
  const valueOf = (name: string): string | undefined =>
    new RegExp(`^\\s*${name}\\s*=\\s*(\\S+)\\s*$`, 'im').exec(text)?.[1];
  const privateKey = valueOf('PrivateKey') ?? text.trim();
  const publicKey = await publicKeyOf(privateKey);
  if (publicKey === undefined)
    return {
      field: 'own-key',
      text: 'There is no private key in it: 44 characters, or a file with a line PrivateKey.',
    };
  const known = [...document.querySelectorAll('.mono')].some((each) => each.textContent?.includes(publicKey));
  if (!known) return { field: 'own-key', text: "That key is not this tunnel's: a file with it would never connect." };
  const presharedKey = valueOf('PresharedKey');
  showPanel(
    { tunnel, name: heading(), privateKey, isNew: false, ...(presharedKey === undefined ? {} : { presharedKey }) },
    [],
  );
  return undefined;
});
