// CA trust: the files of an admin's context follow the CAs of the network, as far as those that it trusts have signed it.

import { createPrivateKey } from 'node:crypto';
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import type { Client, Context } from '#internal/client/client.ts';
import { Fault, messageOf } from '#internal/errors/errors.ts';
import { anchors, anchorsText, authorityId, certificatesOf, heldIn, shortId } from '#internal/identity/identity.ts';

/** Gives what a person is told. @throws Fault `context` for what cannot be written, `certificate` for a bad answer */
export async function followAuthorities(context: Context, client: Client, now: Date): Promise<readonly string[]> {
  const held = heldIn(readFileSync(context.ca, 'utf8'));
  const { authorities } = await client.trust.listAuthorities({});
  // Those without a record are what the daemon has in its own file.
  const records = authorities.flatMap(({ authority }) => (authority?.addedAt === undefined ? [] : [authority]));
  const { trusted, retired, doubts } = anchors(held, records, '', now);
  const told = doubts.map((doubt) => `warning: ${doubt}`);
  const ids = (certificates: typeof held.certificates): string => certificates.map(authorityId).sort().join(' ');
  if (ids(held.certificates) !== ids(trusted) || retired.length > held.retired.size) {
    replace(context.ca, anchorsText({ trusted, retired }));
    told.push(`${context.ca} has ${trusted.map((each) => shortId(authorityId(each))).join(' and ')}`);
  }
  const { certificate, key } = context;
  const answer = certificate === undefined || key === undefined ? '' : await renewed(context, client);
  if (answer !== '' && certificate !== undefined && key !== undefined) {
    const [next, second] = certificatesOf(answer);
    const ours = next?.checkPrivateKey(createPrivateKey(readFileSync(key))) === true;
    const signer = trusted.find((each) => next?.checkIssued(each) === true && next.verify(each.publicKey));
    if (!ours || second !== undefined || signer === undefined)
      throw new Fault('certificate', 'what the daemon gave is no certificate of this key by a CA that is trusted');
    replace(certificate, answer);
    told.push(`${certificate} is of ${shortId(authorityId(signer))} now`);
  }
  return told.length === 0 ? ['nothing has changed'] : told;
}

/** Empty: it is of the CA that signs. Any daemon that holds the key of that will do. */
async function renewed(context: Context, client: Client): Promise<string> {
  const said: string[] = [];
  for (const { node } of context.daemons) {
    try {
      return (await client.at(node).trust.renewAdminCertificate({})).certificate;
    } catch (thrown) {
      said.push(`${node}: ${messageOf(thrown)}`);
    }
  }
  throw new Fault('context', `nobody signs a certificate for this context: ${said.join('; ')}`);
}

/** The old text or the new one is there, whenever we are ended. */
function replace(file: string, text: string): void {
  const beside = `${file}.new`;
  try {
    rmSync(beside, { force: true });
    writeFileSync(beside, text, { flag: 'wx' });
    renameSync(beside, file);
  } catch (thrown) {
    throw new Fault('context', `${file} cannot be written: ${messageOf(thrown)}`, thrown);
  }
}
