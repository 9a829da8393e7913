// BGP password: the secret that both ends of a session sign their TCP segments with (RFC 2385), as it is sealed, and where
// it stands in a configuration of BIRD while it is sealed.

/** linux/tcp.h: TCP_MD5SIG_MAXKEYLEN. All that are sealed have this length, so that a ciphertext does not tell the password's. */
export const passwordBytes = 80;

// BIRD's language knows no way to write a quote or an end of line in a string (conf/cf-lex.l).
const syntax = /^[ !#-~]{1,80}$/;

/** Undefined: it can be one. Nothing of the text is in the answer. */
export function passwordFault(text: string): string | undefined {
  if (text === '') return 'is empty';
  return syntax.test(text)
    ? undefined
    : `is not 1 to ${passwordBytes} characters of ASCII without control characters and "`;
}

/** What is sealed: the password with zeros after it. Of one that has no fault. */
export function paddedPassword(text: string): Uint8Array {
  const bytes = new Uint8Array(passwordBytes);
  bytes.set(new TextEncoder().encode(text));
  return bytes;
}

/** The password that was padded; undefined: none was. */
export function passwordIn(padded: Uint8Array): string | undefined {
  if (padded.length !== passwordBytes) return undefined;
  const text = new TextDecoder('latin1').decode(padded).replace(/\0+$/, '');
  return passwordFault(text) === undefined ? text : undefined;
}

/** In BIRD's language, as a parser takes it; the driver puts the password in the place of what is sealed, an age file in base64. */
export const sealedPassword = (sealed: string): string => `password "sealed:${sealed}";`;
export const sealedPasswords = /password "sealed:([A-Za-z0-9+/]{1,1400}={0,2})";/g;
