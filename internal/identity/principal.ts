import { X509Certificate } from 'node:crypto';

export interface Principal {
  readonly kind: 'node' | 'admin';
  /** Id of a node, name of an admin. */
  readonly id: string;
}

// One label of a DNS name (RFC 1123 2.1), because the node's server name is made from it.
const idForms: { readonly [K in Principal['kind']]: RegExp } = {
  node: /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/,
  admin: /^[A-Za-z0-9._@-]{1,64}$/,
};

/** The URI that stands in the certificate. Throws RangeError for an id that no certificate may carry. */
export function principalUri(principal: Principal): string {
  if (!idForms[principal.kind].test(principal.id))
    throw new RangeError(`${JSON.stringify(principal.id)} cannot be the name of a ${principal.kind}`);
  return `pop44://${principal.kind}/${principal.id}`;
}

/** The name under which a node's TLS server is verified, whatever address it was reached at. */
export function nodeServerName(id: string): string {
  return `${id}.node.pop44`;
}

/**
 * The principal of a certificate (DER) whose chain TLS has verified; undefined when it names none, or more than one.
 */
export function principalOf(der: Uint8Array): Principal | undefined {
  const names = new X509Certificate(der).subjectAltName ?? '';
  // Node quotes a name that holds a comma or a quote; no name that our CA issues does, so none is looked for inside one.
  if (names.includes('"')) return undefined;
  const uris = names.split(', ').filter((name) => name.startsWith('URI:'));
  const parts = /^URI:pop44:\/\/(node|admin)\/(.+)$/.exec(uris[0] ?? '');
  if (uris.length !== 1 || parts === null) return undefined;
  const kind = parts[1] === 'node' ? 'node' : 'admin';
  const id = parts[2] ?? '';
  return idForms[kind].test(id) ? { kind, id } : undefined;
}
