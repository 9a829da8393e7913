// Memory: the role in files. What outlives the process lies with the kernel's state, below /run; the epoch outlives the
// machine, so that one that comes back never takes an old number for a new one.

import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { leads, type Role } from '#internal/takeover/takeover.ts';

export interface Kept {
  readonly role: Role;
  readonly epoch: number;
}

export interface Memory {
  read(): Kept;
  keep(kept: Kept): void;
}

const numberIn = (file: string): number => {
  try {
    const epoch = Number(readFileSync(file, 'utf8'));
    return Number.isSafeInteger(epoch) && epoch > 0 ? epoch : 0;
  } catch {
    return 0;
  }
};

const replace = (file: string, text: string): void => {
  writeFileSync(`${file}.new`, text, { mode: 0o600 });
  renameSync(`${file}.new`, file);
};

/** @param roleFile below /run */
export function createMemory(roleFile: string, epochFile: string): Memory {
  return {
    read: () => {
      const epoch = numberIn(epochFile);
      try {
        // The epoch that it leads with, and nothing where it does not.
        const leads = numberIn(roleFile);
        return { role: leads > 0 && leads >= epoch ? 'active' : 'waiting', epoch: Math.max(epoch, leads) };
      } catch {
        return { role: 'waiting', epoch };
      }
    },
    keep: ({ role, epoch }) => {
      replace(epochFile, `${epoch}\n`);
      replace(roleFile, `${leads(role) ? epoch : 0}\n`);
    },
  };
}
