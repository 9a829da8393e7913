// ACME settings: which server certificates are ordered of, and what an operator has agreed to.

/** @throws Fault `config` with field, value and cure */
export type Bad = (field: string, value: unknown, cure: string) => never;

export interface AcmeSettings {
  /** URL of its directory (RFC 8555 7.1.1). */
  readonly server: string;
  /** PEM of CAs that sign for a private server; its certificates are trusted by whom the operator has told. */
  readonly caFile?: string;
  /** E-mail address, for the server's operators. */
  readonly contact?: string;
  /** Certificates and their keys, of this instance alone. */
  readonly stateDirectory: string;
}

const usualServer = 'https://acme-v02.api.letsencrypt.org/directory';
const known = new Set(['server', 'caFile', 'contact', 'stateDirectory', 'termsAgreed']);
/** One certificate is for all of them; each is validated on its own. */
const mostNames = 20;
const longestName = 253;
/** RFC 1123 2.1, in small letters. */
const label = '[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?';
// A last label of digits alone would be an IPv4 address.
const name = new RegExp(`^(?:${label}\\.)*(?!\\d+$)${label}$`);

export function namesOf(field: string, value: unknown, bad: Bad): readonly string[] {
  const names: readonly unknown[] = Array.isArray(value) ? value : [];
  const isName = (each: unknown): boolean => typeof each === 'string' && each.length <= longestName && name.test(each);
  const wrong = names.find((each) => !isName(each));
  if (wrong !== undefined)
    bad(field, wrong, 'a DNS name in small letters, like connect.example.org; no address and no *');
  if (names.length === 0 || names.length > mostNames || new Set(names).size < names.length)
    bad(field, value, `a list of 1 to ${mostNames} DNS names, each once`);
  return names as readonly string[];
}

export interface Reading {
  readonly bad: Bad;
  readonly path: (field: string, value: unknown) => string;
}

export function acmeOf(value: unknown, { bad, path }: Reading): { readonly acme?: AcmeSettings } {
  if (value === undefined) return {};
  if (typeof value !== 'object' || value === null) bad('acme', value, 'termsAgreed and stateDirectory');
  const own = value as Readonly<Record<string, unknown>>;
  for (const field of Object.keys(own))
    if (!known.has(field)) bad(`acme.${field}`, own[field], 'there is no such field');
  const { server = usualServer, caFile, contact, stateDirectory, termsAgreed } = own;
  if (typeof server !== 'string' || !URL.canParse(server) || new URL(server).protocol !== 'https:')
    bad('acme.server', server, `the https URL of a directory, like ${usualServer}`);
  if (termsAgreed !== true)
    bad('acme.termsAgreed', termsAgreed, `true, once you agree to the terms of service that ${String(server)} names`);
  if (contact !== undefined && !(typeof contact === 'string' && /^[^\s@<>?&,]+@[^\s@<>?&,]+$/.test(contact)))
    bad('acme.contact', contact, 'an e-mail address, like ops@example.org');
  return {
    acme: {
      server: server as string,
      stateDirectory: path('acme.stateDirectory', stateDirectory),
      ...(caFile === undefined ? {} : { caFile: path('acme.caFile', caFile) }),
      ...(contact === undefined ? {} : { contact: contact as string }),
    },
  };
}

/** What only all settings together show. @param sites that want certificates by ACME */
export function checkAcme(
  { acme, secretFile }: { readonly acme?: AcmeSettings; readonly secretFile?: string },
  sites: readonly string[],
  bad: Bad,
): void {
  const [site] = sites;
  if (acme === undefined) {
    if (site !== undefined) bad('acme', undefined, `termsAgreed and stateDirectory: ${site}.names wants a certificate`);
    return;
  }
  if (site === undefined) bad('acme', acme.server, 'only with names of public or console, which it is for');
  if (secretFile === undefined)
    bad('secretFile', undefined, 'with acme: the account is made of it, so that each instance answers for all');
}
