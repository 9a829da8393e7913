// Fields: the parts of forms: each with its label, its hint, and what is wrong with it where a screen reader finds it.

import { attributes, html, type Html, nothing } from './html.ts';
import type { Trouble } from './words.ts';

export interface Field {
  readonly name: string;
  readonly label: string;
  readonly type?: 'text' | 'email' | 'password' | 'search';
  readonly value?: string | undefined;
  readonly hint?: Html | string;
  readonly autocomplete?: string;
  readonly inputmode?: string;
  readonly maxlength?: number;
  readonly required?: boolean;
  readonly spellcheck?: 'false';
  readonly autocapitalize?: string;
  readonly placeholder?: string;
  /** It gets the focus when nothing is wrong. */
  readonly first?: boolean;
}

/** A line of a form. What is wrong with the form stands at its field, and the focus is there. */
export function field(about: Field, trouble?: Trouble): Html {
  const { name, label, hint, first = false, type = 'text', ...rest } = about;
  const isWrong = trouble?.field === name;
  const described = [...(hint === undefined ? [] : [`${name}-hint`]), ...(isWrong ? [`${name}-problem`] : [])];
  const given = attributes({
    ...rest,
    id: name,
    name,
    type,
    'aria-invalid': isWrong ? 'true' : undefined,
    'aria-describedby': described.length === 0 ? undefined : described.join(' '),
    autofocus: isWrong || (first && (trouble === undefined || trouble.field === '')),
  });
  return html`<div class="field">
<label for="${name}">${label}</label>
<input${given}>
${hint === undefined ? nothing : html`<p class="hint" id="${name}-hint">${hint}</p>`}
${isWrong ? html`<p class="problem" id="${name}-problem" role="alert">${trouble.text}</p>` : nothing}
</div>`;
}

/** What is wrong with no field that the form has. */
export function problem(trouble: Trouble | undefined, fields: readonly string[] = []): Html {
  if (trouble === undefined || fields.includes(trouble.field)) return nothing;
  return html`<p class="notice bad" role="alert" tabindex="-1">${trouble.text}</p>`;
}

export interface Choice {
  readonly value: string;
  readonly label: string;
  readonly hint?: string;
}

const tick = (given: Parameters<typeof attributes>[0] & { readonly id: string }, label: string, hint?: string): Html =>
  html`<label class="choice" for="${given.id}"><input${attributes(given)}><span>${label}${
    hint === undefined ? nothing : html`<small>${hint}</small>`
  }</span></label>`;

/** One of several, as a list that can be read. */
export function choices(
  { name, legend, all, chosen }: { name: string; legend: string; all: readonly Choice[]; chosen: string },
  trouble?: Trouble,
): Html {
  const rows = all.map(({ value, label, hint }) => {
    const id = `${name}-${value.replaceAll(/[^a-z0-9]/g, '-') || 'none'}`;
    return tick({ type: 'radio', id, name, value, checked: value === chosen }, label, hint);
  });
  return html`<fieldset class="choices"><legend>${legend}</legend>${rows}${
    trouble?.field === name ? html`<p class="problem" role="alert">${trouble.text}</p>` : nothing
  }</fieldset>`;
}

/** Ticked, it sends `yes`. */
export const checkbox = ({
  name,
  label,
  hint,
  checked = false,
}: Omit<Choice, 'value'> & { readonly name: string; readonly checked?: boolean }): Html =>
  tick({ type: 'checkbox', id: name, name, value: 'yes', checked }, label, hint);

export interface FormAbout {
  readonly action: string;
  readonly token: string;
  readonly class?: string;
  readonly id?: string;
}

export const form = ({ action, token, ...rest }: FormAbout, body: Html): Html =>
  html`<form method="post"${attributes({ action, ...rest })}><input type="hidden" name="token" value="${token}">${body}</form>`;

/** A form that is one button. */
export function action(
  about: FormAbout & {
    readonly label: string;
    readonly values?: Readonly<Record<string, string>>;
    readonly kind?: string;
  },
): Html {
  const { label, values = {}, kind = 'quiet', ...rest } = about;
  const hidden = Object.entries(values).map(
    ([name, value]) => html`<input type="hidden" name="${name}" value="${value}">`,
  );
  return form({ ...rest, class: 'inline' }, html`${hidden}<button class="${kind}">${label}</button>`);
}
