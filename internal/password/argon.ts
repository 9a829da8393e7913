// Argon: argon2id, as passwords are hashed here.

import { hash, verify } from '@node-rs/argon2';

// OWASP Password Storage: argon2id of 19 MiB, 2 passes, 1 lane, the least that it advises. (argon2id is the package's default;
// its enum is erased with the types.)
const cost = { memoryCost: 19_456, timeCost: 2, parallelism: 1 } as const;

/** Who computes, here or elsewhere. */
export interface Argon {
  /** PHC string. */
  hash(password: string): Promise<string>;
  /** A hash that cannot be read is nobody's. */
  verify(hash: string, password: string): Promise<boolean>;
}

export const argon: Argon = {
  hash: (password) => hash(password, cost),
  verify: (known, password) => verify(known, password).catch(() => false),
};
