// Yaml: documents as people write them and as scripts read them.

import { stringify } from 'yaml';

/** One document with its mark, so that several in a row can be told apart. Texts of records stay texts: `"on"`, `"1e3"`. */
export function yamlText(value: unknown): string {
  return `---\n${stringify(value, { lineWidth: 0 })}`;
}
