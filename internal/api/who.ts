// Who: the principal of a call, by its certificate, or by the login or token that it bears.

import { hash } from 'node:crypto';
import { isIP } from 'node:net';
import { Fault, refuse } from '#internal/errors/errors.ts';
import { bearerOf, type People } from '#internal/people/people.ts';
import { type Presented, type Principal, Refused } from '#internal/rpc/rpc.ts';

/** 32 bytes; the word before them is for those who look for leaked secrets. */
const bearerSyntax = /^Bearer pop44_([A-Za-z0-9_-]{43})$/;

const unknown = refuse('unauthenticated', {
  field: 'authorization',
  problem: 'is of no login and no token, or of one that has ended',
  cure: 'pop44 login',
});
const malformed = refuse('unauthenticated', {
  field: 'authorization',
  problem: 'is malformed',
  cure: 'Bearer, a space, and the secret as pop44 token create prints it',
});

export const secretHashHex = (secret: Uint8Array): string => hash('sha256', secret, 'hex');

/**
 * @param people undefined: accounts cannot be read here
 * @param cores nodes that can
 */
export function whoCalls(people: () => People | undefined, cores: () => readonly string[]) {
  return ({ certified, authorization, saidSource, source }: Presented): Principal => {
    // A front tells for whom it speaks; nobody else is believed.
    const from = certified?.kind === 'web' && saidSource !== undefined && isIP(saidSource) !== 0 ? saidSource : source;
    if (authorization === undefined) {
      if (certified === undefined) return { kind: 'anonymous', id: '', source: from };
      return from === source ? certified : { ...certified, source: from };
    }
    const known = people();
    if (known === undefined) throw elsewhere(cores());
    const secret = bearerSyntax.exec(authorization)?.[1];
    if (secret === undefined) throw new Refused(malformed);
    const id = secretHashHex(Buffer.from(secret, 'base64url'));
    const kind = bearerOf(known, id);
    if (kind === undefined) throw new Refused(unknown);
    const userId = known[kind].get(id)?.record.userId ?? '';
    return { kind: 'user', id: userId, bearer: { kind, hash: id }, source: from };
  };
}

/** A client steps over it to the next daemon. */
export function elsewhere(cores: readonly string[]): Fault {
  const where = cores.length === 0 ? 'a daemon of a CORE' : `one of ${cores.join(', ')}`;
  return new Fault('unavailable', `this daemon holds no accounts, or has not read them yet; ask ${where}`);
}
