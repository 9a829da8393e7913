// Principal: who calls: as the URI SAN of the certificate says, or as the bearer of a login or a token.
export interface Principal {
  /** By certificate `pop44://node/<id>`, `pop44://admin/<name>` or `pop44://web/<name>`; else a user, or nobody known. */
  readonly kind: 'node' | 'admin' | 'web' | 'user' | 'anonymous';
  readonly id: string;
  /** Of a user: what it called with, by the SHA-256 of its secret in hex; absent of one that a trusted daemon speaks for. */
  readonly bearer?: { readonly kind: 'login' | 'token'; readonly hash: string };
  /** IP address that the call came from; empty: a socket of the machine. */
  readonly source?: string;
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

/** `node/p1`, `admin/ada`, `user/3f2a8c1b9d04`, `anonymous`: as operations and logs spell it. */
export function principalName(principal: Principal): string {
  if (principal.kind === 'anonymous') return principal.kind;
  return `${principal.kind}/${principal.id}`;
}

/**
 * The other way round, of a name that a trusted daemon gave; who calls us directly is asked for a certificate. Undefined for
 * a name that neither a certificate nor an account could bear.
 */
export function principalNamed(name: string): Principal | undefined {
  const user = /^user\/([0-9a-f]{12})$/.exec(name)?.[1];
  if (user !== undefined) return { kind: 'user', id: user };
  return principalOf(`URI:pop44://${name}`);
}

/** The DNS SAN of a node's certificate, which a client checks instead of the address it dialled. */
export function serverNameOf(nodeId: string): string {
  return `${nodeId}.node.pop44`;
}

const ours = /^URI:pop44:\/\/(node|admin|web)\/([a-z0-9](?:[a-z0-9._-]{0,61}[a-z0-9])?)$/;

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
  if ((kind !== 'node' && kind !== 'admin' && kind !== 'web') || id === undefined) return undefined;
  return { kind, id };
}
