// Passwords: a configuration with the passwords of its sessions in clear, as BIRD reads it from a file of root's alone.

import { passwordIn, sealedPasswords } from '#internal/dataplane/dataplane.ts';
import { Fault, messageOf } from '#internal/errors/errors.ts';
import type { NodeOpener } from '#internal/sealing/sealing.ts';

export interface Opened {
  /** For BIRD. */
  readonly clear: string;
  /** What of the wanted text it says: the same without what does not open. */
  readonly reached: string;
  /** A session each. */
  readonly problems: readonly string[];
}

const disabled = 'disabled;';

/** What may be told of a text that BIRD reads: without what would have to be sealed. */
export const withoutPasswords = (text: string): string => text.replaceAll(/password "[^"]*";/g, disabled);

/** A session whose password does not open is disabled and named: the others go on, and none ever speaks unsigned. */
export function withPasswords(text: string, opener: NodeOpener): Opened {
  const problems: string[] = [];
  const reached = new Map<string, string>();
  const clear = text.replaceAll(sealedPasswords, (whole: string, sealed: string, at: number) => {
    try {
      const password = passwordIn(opener.open(sealed));
      if (password === undefined) throw new Fault('sealed', 'what is sealed is no password');
      return `password "${password}";`;
    } catch (cause) {
      const name = [...text.slice(0, at).matchAll(/protocol bgp (\w{1,64})/g)].at(-1)?.[1] ?? 'a session';
      problems.push(`${name} is disabled: ${messageOf(cause)}`);
      reached.set(whole, disabled);
      return disabled;
    }
  });
  return {
    clear,
    reached: problems.length === 0 ? text : text.replaceAll(sealedPasswords, (whole) => reached.get(whole) ?? whole),
    problems,
  };
}
