// Seal key: a WireGuard key, or another secret, sealed to nodes, here, before anything is sent.

import { Fault } from '#internal/errors/errors.ts';

/** @param key 44 characters of base64 */
export const sealKey = (
  key: string,
  recipients: Readonly<Record<string, string>>,
): Promise<Record<string, Uint8Array>> => sealSecret(Buffer.from(key, 'base64'), recipients);

/**
 * @param recipients age recipients by node id, as a daemon gave them
 * @throws Fault `bad-recipient`: what the daemon gave is none
 */
export async function sealSecret(
  bytes: Uint8Array,
  recipients: Readonly<Record<string, string>>,
): Promise<Record<string, Uint8Array>> {
  // Loaded when something is sealed, which few command lines do.
  const [{ seal }, { parseRecipient }] = await Promise.all([
    import('#internal/sealing/sealing.ts'),
    import('#internal/age/age.ts'),
  ]);
  const sealed = Object.entries(recipients).map(([id, text]) => {
    const recipient = parseRecipient(text);
    if (typeof recipient !== 'string') {
      throw new Fault('bad-recipient', `${id} has no sealing key that can be sealed to: ${recipient.problem}`);
    }
    return [id, seal(bytes, recipient)] as const;
  });
  return Object.fromEntries(sealed);
}
