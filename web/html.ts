// Html: text that is safe to send. The tag escapes whatever is put in, but what it has made itself.

/** Markup that this file has made. */
export class Html {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

/** What may stand in a template; undefined, null and false are nothing. */
export type Part = Html | string | number | bigint | boolean | null | undefined | readonly Part[];

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/**
 * For text and for quoted attributes. Characters that nobody sees, or that turn a line around, become U+FFFD: a name with
 * one of them must not look like another.
 */
const escaped = (text: string): string =>
  text
    .replace(/[^\P{Cc}\n\t]|[\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu, '\ufffd')
    .replace(/[&<>"']/g, (character) => entities[character] ?? '');

function textOf(part: Part): string {
  if (part instanceof Html) return part.text;
  if (part === undefined || part === null || part === false || part === true) return '';
  if (typeof part === 'object') return part.map(textOf).join('');
  return escaped(String(part));
}

export function html(strings: TemplateStringsArray, ...parts: readonly Part[]): Html {
  let text = strings[0] ?? '';
  for (const [at, part] of parts.entries()) text += textOf(part) + (strings[at + 1] ?? '');
  return new Html(text);
}

export const nothing = new Html('');

/** Attributes; one that is undefined or false is left out, one that is true stands without a value. */
export function attributes(values: Readonly<Record<string, string | number | boolean | undefined>>): Html {
  const said = Object.entries(values).map(([name, value]) => {
    if (value === undefined || value === false) return '';
    return value === true ? ` ${name}` : ` ${name}="${escaped(String(value))}"`;
  });
  return new Html(said.join(''));
}
