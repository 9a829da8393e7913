// Config: a node's own settings, the file that exists before any store does.
//
// On the path: both halves read it at their start; the management mesh rises from it alone.
// Never: holds a secret (it names files of keys), or anything that the store decides.

import { isIP } from 'node:net';
import { basename, dirname, join } from 'node:path';
import { Fault } from '#internal/errors/errors.ts';
import { parsePrefix } from '#internal/netip/netip.ts';

export interface MeshPeer {
  readonly publicKey: string;
  /** `198.18.1.2:51844` or `[2001:db8::1]:51844` */
  readonly endpoint: string;
  readonly address: string;
}

export interface NodeConfig {
  readonly nodeId: string;
  /** Of the half that faces the network. Survives reboots: last good snapshot, bytes that were counted. */
  readonly stateDir: string;
  /** Of the privileged half. Does not: files of BIRD, nftables and WireGuard. */
  readonly runDir: string;
  /** Files of the two network namespaces. */
  readonly netns: { readonly transport: string; readonly pop: string };
  /** The PoP's private key, where the PoP's record has none sealed to this node. */
  readonly accessKeyFile?: string;
  readonly interconnectKeyFile: string;
  /**
   * Where the privileged half puts the interconnect keys that it makes when they are rotated, and may write; default where
   * interconnectKeyFile is.
   */
  readonly madeKeysDir?: string;
  /** age identity: opens what is sealed to this node. Read by the privileged half alone. */
  readonly sealingKeyFile?: string;
  readonly mesh: {
    readonly privateKeyFile: string;
    readonly address: string;
    readonly port: number;
    readonly mtu: number;
    readonly peers: readonly MeshPeer[];
  };
  readonly etcd: {
    /** The local member first. */
    readonly endpoints: readonly string[];
    /**
     * What etcd's watch-progress-notify-interval is set to, in milliseconds; 500 is right. Before it refuses, a daemon
     * waits until its watch has passed what others wrote, which after a write beside the records takes two of these, and
     * must be done within 1.8 s (submit/budget.ts).
     */
    readonly progressNotifyMs: number;
    /** Seconds that a daemon may be silent before it leads nothing any more, 2 to 60; default 10. */
    readonly electionTtlSeconds?: number;
    /** Where the local member answers the others; default 2380. */
    readonly peerPort?: number;
  };
  readonly tls: { readonly caFile: string; readonly certificateFile: string; readonly keyFile: string };
  /** On the few nodes that may let others in: the CA's private key, whose certificate is one of `tls.caFile`. */
  readonly ca?: {
    readonly keyFile: string;
    /** Life of the certificates that it signs, in seconds; default 45 days. */
    readonly certificateSeconds?: number;
  };
  /** Where it takes joins, on the underlay: a machine that joins has no mesh yet. Wants `ca`. */
  readonly join?: {
    /** `198.18.1.2:4441` or `[2001:db8::1]:4441` */
    readonly listen: readonly string[];
    /** What tokens say instead, where the outside knows this node by other addresses. */
    readonly announce?: readonly string[];
  };
  readonly api: {
    readonly port: number;
    readonly socket?: string;
    /** Where people call without a certificate, by a login or a token: `198.18.1.2:4443` or `[2001:db8::1]:4443`. */
    readonly public?: readonly string[];
  };
  readonly metrics: { readonly port: number };
  readonly dataplaneSocket: string;
  /** How a daemon of a CORE sends mails; absent: into a maildir, `mail` in stateDir. */
  readonly mail?: {
    /** Address that they come from; default pop44@<node id>.invalid. */
    readonly from?: string;
    readonly smtp?: {
      readonly host: string;
      readonly port: number;
      readonly tls: 'tls' | 'starttls' | 'none';
      readonly user?: string;
      /** File with the password alone, for nobody else to read. */
      readonly passwordFile?: string;
      /** Who signs the server's certificate; default the CAs that Node knows. */
      readonly caFile?: string;
    };
    readonly maildir?: string;
  };
  /**
   * What else of this machine answers in the transport namespace, which drops everything that it does not know: the
   * operator's own services. Default ssh (TCP 22) for everybody; an empty list for none.
   */
  readonly hostServices?: readonly HostService[];
}

export interface HostService {
  readonly protocol: 'tcp' | 'udp';
  readonly port: number;
  /** Prefixes; absent: everybody. */
  readonly sources?: readonly string[];
}

type Shape = { readonly [name: string]: Rule };
type Rule = (value: unknown, path: string) => void;

/** Somebody who writes a key where the name of its file belongs must not find it in a log: 32 bytes in any text. */
const looksLikeKey = /"[A-Za-z0-9+/]{43}="|"[A-Za-z0-9+_-][A-Za-z0-9+/_=-]{39,}|PRIVATE KEY|SECRET/i;

function bad(path: string, value: unknown, cure: string): never {
  const shown = JSON.stringify(value) ?? 'missing';
  throw new Fault('config', `configuration: ${path}: ${looksLikeKey.test(shown) ? 'not shown' : shown} (${cure})`);
}

const text: Rule = (value, path) => {
  if (typeof value !== 'string' || value === '') bad(path, value, 'a text');
};
const nodeId: Rule = (value, path) => {
  if (typeof value !== 'string' || !/^[a-z0-9-]{1,32}$/.test(value))
    bad(path, value, '1 to 32 characters of a-z, 0-9 and -');
};
const file: Rule = (value, path) => {
  // A key can begin with a slash too; taken for a path, it would stand in the fault of who cannot read it.
  const isKey = typeof value === 'string' && /^[A-Za-z0-9+/]{43}=$/.test(value);
  if (typeof value !== 'string' || !value.startsWith('/') || isKey) bad(path, value, 'an absolute path');
};
const address: Rule = (value, path) => {
  if (typeof value !== 'string' || isIP(value) === 0) bad(path, value, 'an IP address');
};
const between =
  (low: number, high: number): Rule =>
  (value, path) => {
    if (!Number.isInteger(value) || (value as number) < low || (value as number) > high)
      bad(path, value, `a whole number from ${low} to ${high}`);
  };
const port = between(1, 65535);
const socketAddress: Rule = (value, path) => {
  const match = typeof value === 'string' ? /^(?:\[([0-9a-f:.]+)\]|([0-9.]+)):([0-9]{1,5})$/i.exec(value) : null;
  if (isIP(match?.[1] ?? match?.[2] ?? '') === 0 || Number(match?.[3]) > 65_535)
    bad(path, value, 'an address with a port, like 198.18.1.2:4441 or [2001:db8::1]:4441');
};

/** Tokens tell it to machines that join, and a packet that comes is never for it. */
const joinAddress: Rule = (value, path) => {
  socketAddress(value, path);
  // The address in one spelling (WHATWG URL).
  const { hostname } = new URL(`http://${value as string}`);
  if (['0.0.0.0', '[::]', '[::ffff:0:0]'].includes(hostname))
    bad(path, value, 'the address of this node on the underlay with a port, like 198.18.1.2:4441');
};

const list =
  (rule: Rule): Rule =>
  (value, path) => {
    if (!Array.isArray(value)) bad(path, value, 'a list');
    value.forEach((item, at) => rule(item, `${path}[${at}]`));
  };
const object =
  (shape: Shape, optional: readonly string[] = []): Rule =>
  (value, path) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) bad(path, value, 'an object');
    const fields = new Map(Object.entries(value));
    for (const name of fields.keys())
      if (!Object.hasOwn(shape, name))
        bad(`${path}.${name}`, fields.get(name), `unknown; known are ${Object.keys(shape).join(', ')}`);
    for (const [name, rule] of Object.entries(shape))
      if (fields.has(name) || !optional.includes(name)) rule(fields.get(name), `${path}.${name}`);
  };

const protocol: Rule = (value, path) => {
  if (value !== 'tcp' && value !== 'udp') bad(path, value, 'tcp or udp');
};
const prefix: Rule = (value, path) => {
  const parsed = typeof value === 'string' ? parsePrefix(value) : undefined;
  if (typeof parsed !== 'string')
    bad(path, value, 'a prefix, 198.18.0.0/15 or 2001:db8::/32, with no bit set beyond its length');
};

const mailAddress: Rule = (value, path) => {
  // The part of RFC 5322 that needs no quotes: it goes into a header.
  if (typeof value !== 'string' || !/^[A-Za-z0-9._+-]{1,64}@[A-Za-z0-9.-]{1,190}$/.test(value))
    bad(path, value, 'an address, like connect@example.org');
};
const mailTls: Rule = (value, path) => {
  if (value !== 'tls' && value !== 'starttls' && value !== 'none') bad(path, value, 'tls, starttls or none');
};
const smtp = object({ host: text, port, tls: mailTls, user: text, passwordFile: file, caFile: file }, [
  'user',
  'passwordFile',
  'caFile',
]);

const nodeConfig = object(
  {
    nodeId,
    stateDir: file,
    runDir: file,
    netns: object({ transport: file, pop: file }),
    accessKeyFile: file,
    interconnectKeyFile: file,
    madeKeysDir: file,
    sealingKeyFile: file,
    mesh: object({
      privateKeyFile: file,
      address,
      port,
      // IPv6's least (RFC 8200 5) to WireGuard's most over Ethernet.
      mtu: between(1280, 9000),
      peers: list(object({ publicKey: text, endpoint: text, address })),
    }),
    etcd: object(
      {
        endpoints: list(text),
        progressNotifyMs: between(100, 600_000),
        // The shortest lease that etcd grants: 1.5 of its election timeouts of 1 s, whole seconds.
        electionTtlSeconds: between(2, 60),
        peerPort: port,
      },
      ['electionTtlSeconds', 'peerPort'],
    ),
    tls: object({ caFile: file, certificateFile: file, keyFile: file }),
    // Ten seconds are for tests of what happens at the end.
    ca: object({ keyFile: file, certificateSeconds: between(10, 366 * 86_400) }, ['certificateSeconds']),
    join: object({ listen: list(joinAddress), announce: list(joinAddress) }, ['announce']),
    api: object({ port, socket: file, public: list(joinAddress) }, ['socket', 'public']),
    metrics: object({ port }),
    dataplaneSocket: file,
    mail: object({ from: mailAddress, smtp, maildir: file }, ['from', 'smtp', 'maildir']),
    hostServices: list(object({ protocol, port, sources: list(prefix) }, ['sources'])),
  },
  ['accessKeyFile', 'sealingKeyFile', 'madeKeysDir', 'hostServices', 'ca', 'join', 'mail'],
);

/** What the files of made keys begin with. */
export const madeKeyBase = ({ interconnectKeyFile, madeKeysDir }: NodeConfig): string =>
  join(madeKeysDir ?? dirname(interconnectKeyFile), basename(interconnectKeyFile));

/** @throws Fault `config` that names the field, the value and the cure. */
export function parseConfig(json: string): NodeConfig {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch (cause) {
    throw new Fault('config', 'configuration: not JSON', cause);
  }
  nodeConfig(value, 'node');
  const { ca, join, mail } = value as NodeConfig;
  if (join !== undefined && ca === undefined)
    bad('node.ca', ca, "missing, and join wants it: the file of the CA's key");
  if (mail?.smtp?.user !== undefined && mail.smtp.tls === 'none')
    bad('node.mail.smtp.user', mail.smtp.user, 'its password would go in clear: tls or starttls');
  // Every field was just checked against the interface's shape.
  return value as NodeConfig;
}
