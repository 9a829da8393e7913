// pop44d sealing-key: the identity that opens what is sealed to this node, its next one, and the end of older ones.

import { join } from 'node:path';
import type { NodeConfig } from '#internal/config/config.ts';
import { Fault } from '#internal/errors/errors.ts';
import { sealedTo } from '#internal/rotation/sealed-to.ts';
import {
  addIdentity,
  forgetOlderIdentities,
  makeIdentity,
  openerOf,
  ownRecipient,
  readIdentityFile,
} from '#internal/sealing/sealing.ts';
import { readSavedRecords } from '#internal/store/store.ts';

export interface SealingKeyOptions {
  readonly rotate?: boolean;
  readonly forget?: boolean;
}

/** What hangs on an older identity would be lost with it. */
async function demandNothingHangs(config: NodeConfig, file: string): Promise<void> {
  const directory = join(config.stateDir, 'snapshot');
  const records = await readSavedRecords(directory);
  if (records === undefined)
    throw new Fault('sealing-key', `${directory}: no records to compare with; nothing is forgotten`);
  const left = sealedTo(config.nodeId, records, readIdentityFile(file).map(openerOf)).filter(
    ({ to }) => to === 'older',
  );
  if (left.length === 0) return;
  const shown = left.slice(0, 5).map(({ what }) => what);
  const more = left.length > shown.length ? ` and ${left.length - shown.length} more` : '';
  throw new Fault('sealing-key', `still sealed to an older identity: ${shown.join(', ')}${more} (pop44 node reseal)`);
}

/** Gives the lines that a person is told. @throws Fault `config`, `sealing-key` */
export async function sealingKey(config: NodeConfig, options: SealingKeyOptions): Promise<readonly string[]> {
  const { sealingKeyFile: file } = config;
  if (file === undefined) throw new Fault('config', 'configuration: node.sealingKeyFile: missing (a file)');
  if (options.rotate === true && options.forget === true)
    throw new Fault('sealing-key', '--rotate and --forget: one after the other');
  if (options.rotate === true) addIdentity(file, makeIdentity());
  if (options.forget === true) {
    await demandNothingHangs(config, file);
    return [`${forgetOlderIdentities(file)} older identities are gone from ${file}`];
  }
  return [ownRecipient(file)];
}
