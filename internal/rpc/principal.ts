// Principal: who calls, as the URI SAN of the certificate says.

/** `pop44://node/<id>` or `pop44://admin/<name>`. */
export interface Principal {
  readonly kind: 'node' | 'admin';
  readonly id: string;
  /** What it called with; absent of one that a trusted daemon speaks for. */
  readonly certificate?: {
    /** Its SubjectPublicKeyInfo in DER, and the SHA-256 of that in hexadecimal. */
    readonly publicKey: Buffer;
    readonly publicKeyHash: string;
    /** Name of the CA that has signed it, as the certificate says and TLS has proven. */
    readonly issuer: string;
    /** Unix time in milliseconds: TLS asks for it once a connection, and a connection lasts for months. */
    readonly endsMs: number;
  };
}

/** `node/p1`, `admin/ada`: as operations and logs spell it. */
export function principalName(principal: Principal): string {
  return `${principal.kind}/${principal.id}`;
}

/**
 * The other way round, of a name that a trusted daemon gave; who calls us directly is asked for a certificate. Undefined for
 * a name that no certificate could bear.
 */
export function principalNamed(name: string): Principal | undefined {
  return principalOf(`URI:pop44://${name}`);
}

/** The DNS SAN of a node's certificate, which a client checks instead of the address it dialled. */
export function serverNameOf(nodeId: string): string {
  return `${nodeId}.node.pop44`;
}

const ours = /^URI:pop44:\/\/(node|admin)\/([a-z0-9](?:[a-z0-9._-]{0,61}[a-z0-9])?)$/;

/**
 * Reads Node's rendering of a subjectAltName extension (`URI:pop44://node/p1, DNS:p1.node.pop44`).
 * Undefined when it does not name exactly one principal.
 */
export function principalOf(subjectAltName: string | undefined): Principal | undefined {
  // Node quotes a value that holds a comma (CVE-2021-44532): such a name could carry a second one inside.
  if (subjectAltName === undefined || subjectAltName.includes('"')) return undefined;
  const names = subjectAltName.split(', ').filter((name) => name.startsWith('URI:pop44:'));
  const [name] = names;
  if (name === undefined || names.length > 1) return undefined;
  const match = ours.exec(name);
  if (match === null) return undefined;
  const [, kind, id] = match;
  if ((kind !== 'node' && kind !== 'admin') || id === undefined) return undefined;
  return { kind, id };
}
