// Names: what a callsign and an address may look like. What is stored is ASCII, so that no two of them look alike.

import { type Refusal, refuse } from '#internal/errors/errors.ts';

// ITU Radio Regulations 19.68 and 19.68A: a prefix of one letter, or of two of which one is a letter (Eswatini's has three), a
// digit, and up to four characters that end in a letter; more of them on special occasions.
const callsignSyntax = /^(?:[A-Z]|[A-Z][A-Z0-9]|[0-9][A-Z]|3DA)[0-9][A-Z0-9]{0,6}[A-Z]$/;
const longestCallsign = 10;

export const isCallsign = (text: string): boolean => text.length <= longestCallsign && callsignSyntax.test(text);

const callsignCure = 'a callsign alone, like OE1XYZ: 3 to 10 of A-Z and 0-9';

/** A character that is none of A-Z and 0-9, with its number: it may look like one. */
const named = (character: string): string =>
  `U+${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}`;

/** In upper case. Refuses `required` and `invalid`. */
export function callsignField(field: string, value: string): { readonly callsign: string } | Refusal {
  const invalid = (problem: string, cure = callsignCure): Refusal => refuse('invalid', { field, value, problem, cure });
  if (value === '') return refuse('required', { field, problem: 'is missing', cure: callsignCure });
  const odd = Array.from(value).find((character) => !/^[A-Za-z0-9/-]$/.test(character));
  if (odd !== undefined) return invalid(`has ${named(odd)}, which is none of A-Z and 0-9`);
  const callsign = value.toUpperCase();
  if (isCallsign(callsign)) return { callsign };
  const core = callsign.split(/[/-]/).find(isCallsign);
  if (core !== undefined) return invalid('has a prefix or a suffix', `without it: ${core}`);
  return invalid('is no callsign');
}

// RFC 5321 4.5.3.1.3: 256 with the brackets around it.
const longestEmail = 254;
// RFC 5321 4.1.2: a dot-string; no quoted ones, which no provider gives and which could hold a line of a header.
const atom = "[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+";
const label = '[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?';
const emailSyntax = new RegExp(
  `^(?=.{3,${longestEmail}}$)(?=[^@]{1,64}@)${atom}(?:\\.${atom})*@(?:${label}\\.)+[A-Za-z](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])$`,
);

export const isEmail = (text: string): boolean => emailSyntax.test(text);

/** What two spellings of one address share: a domain is the same in any case (RFC 5321 2.4), what stands before it may not be. */
export function foldedEmail(email: string): string {
  const at = email.lastIndexOf('@');
  return `${email.slice(0, at)}${email.slice(at).toLowerCase()}`;
}

/**
 * What all spellings of a name share that may mean one account: a callsign in any case, an address whose domain is, in
 * characters that look alike. By it an account is looked up, and tries of passwords are counted, whether there is one or not.
 */
export function foldedName(typed: string): string {
  const name = typed.normalize('NFKC').trim().slice(0, longestEmail);
  return name.includes('@') ? foldedEmail(name) : name.toUpperCase();
}

const emailCure = 'one address, like ada@example.org';

/** As it was typed. Refuses `required` and `invalid`. */
export function emailField(field: string, value: string): { readonly email: string } | Refusal {
  const invalid = (problem: string, cure = emailCure): Refusal => refuse('invalid', { field, value, problem, cure });
  if (value === '') return refuse('required', { field, problem: 'is missing', cure: emailCure });
  if (isEmail(value)) return { email: value };
  if (/[\r\n]/.test(value)) return invalid('is more than one line');
  if (/[\s,;<>]/.test(value)) return invalid('is more than one address');
  const odd = Array.from(value).find((character) => (character.codePointAt(0) ?? 0) > 0x7e);
  if (odd !== undefined) return invalid(`has ${named(odd)}`, 'ASCII; of an international domain its form with xn--');
  return invalid('is no address');
}
