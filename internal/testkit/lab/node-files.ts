// Node files: what an operator puts on a node before pop44 starts: keys, certificates, the configuration.

import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { AgeIdentity } from '#internal/age/age.ts';
import type { NodeConfig } from '#internal/config/config.ts';
import {
  createCa,
  issueAdminCertificate,
  issueNodeCertificate,
  issueWebCertificate,
} from '#internal/identity/identity.ts';
import type { Ca, Validity } from '#internal/identity/identity.ts';
import { makeIdentity } from '#internal/sealing/sealing.ts';
import { newPrivateKey, publicKeyOf } from '#internal/x25519/x25519.ts';
import { netnsFile, nodeDirectory } from './places.ts';
import { apiPort, meshPort, metricsPort } from './topology.ts';
import type { LabNode } from './topology.ts';

export interface WgKeyPair {
  readonly privateKey: string;
  readonly publicKey: string;
}

/** What `wg genkey` and `wg pubkey` give. */
export function newWgKeyPair(): WgKeyPair {
  const privateKey = newPrivateKey();
  return { privateKey: privateKey.toString('base64'), publicKey: publicKeyOf(privateKey).toString('base64') };
}

/** The keys of a node; the access key belongs to its PoP, and reaches the node sealed. */
export interface NodeKeys {
  readonly mesh: WgKeyPair;
  readonly interconnect: WgKeyPair;
  readonly access: WgKeyPair;
  /** Opens what is sealed to the node. */
  readonly sealing: AgeIdentity;
}

export const newNodeKeys = (): NodeKeys => ({
  mesh: newWgKeyPair(),
  interconnect: newWgKeyPair(),
  access: newWgKeyPair(),
  sealing: makeIdentity(),
});

/** A node of the lab with its keys. */
export interface KeyedNode {
  readonly node: LabNode;
  readonly keys: NodeKeys;
}

export interface NodeFiles {
  readonly config: string;
  readonly ca: string;
  readonly caKey: string;
  readonly certificate: string;
  readonly key: string;
  readonly etcdData: string;
}

export function nodeFiles(nodeId: string): NodeFiles {
  const at = (name: string): string => join(nodeDirectory(nodeId), name);
  return {
    config: at('node.json'),
    ca: at('ca.pem'),
    caKey: at('ca.key'),
    certificate: at('node.pem'),
    key: at('node.key'),
    etcdData: at('etcd'),
  };
}

/** What a lab and a cluster do differently. */
export interface NodeSettings {
  readonly progressNotifyMs: number;
  /** Where the daemons look for etcd on each node: its own port, or that of a proxy before it. */
  readonly etcdPort: number;
  readonly electionTtlSeconds?: number;
  /** Where the nodes that hold the CA's key take joins. */
  readonly joinAddress: (node: LabNode) => string;
  /** Life of certificates; default a week for those that are there at the beginning, the daemons' own for later ones. */
  readonly certificateSeconds?: number;
  /** No node holds the CA's key. */
  readonly withoutAuthority?: true;
}

export const joinPort = 4441;
/** Of the lab; two, so that one may be away. */
const authorityNodes: ReadonlySet<string> = new Set(['p1', 'p2']);

export const etcdClientPort = 2379;
export const usualSettings: NodeSettings = {
  progressNotifyMs: 500,
  etcdPort: etcdClientPort,
  joinAddress: ({ underlay4 }) => `${underlay4}:${joinPort}`,
};

export const etcdEndpoint = (node: LabNode, port = etcdClientPort): string => `https://[${node.meshAddress}]:${port}`;

export const apiSocket = (directory: string, nodeId: string): string => join(directory, `${nodeId}.api.sock`);

interface Surroundings {
  readonly all: readonly KeyedNode[];
  /** Of the lab. */
  readonly directory: string;
  readonly settings: NodeSettings;
}

function nodeConfig(node: LabNode, { all, directory, settings }: Surroundings): NodeConfig {
  const { progressNotifyMs, etcdPort, electionTtlSeconds, certificateSeconds } = settings;
  const holdsKey = settings.withoutAuthority !== true && authorityNodes.has(node.id);
  const files = nodeFiles(node.id);
  const at = (name: string): string => join(nodeDirectory(node.id), name);
  return {
    nodeId: node.id,
    stateDir: at('state'),
    runDir: at('run'),
    netns: { transport: netnsFile(node.transport), pop: netnsFile(node.pop) },
    interconnectKeyFile: at('interconnect.wgkey'),
    sealingKeyFile: at('sealing.agekey'),
    mesh: {
      privateKeyFile: at('mesh.wgkey'),
      address: node.meshAddress,
      port: meshPort,
      mtu: 1380,
      peers: all
        .filter((other) => other.node.id !== node.id)
        .map((other) => ({
          publicKey: other.keys.mesh.publicKey,
          endpoint: `${other.node.underlay4}:${meshPort}`,
          address: other.node.meshAddress,
        })),
    },
    etcd: {
      // The local member first.
      endpoints: [node, ...all.map((member) => member.node).filter((member) => member.id !== node.id)].map((member) =>
        etcdEndpoint(member, etcdPort),
      ),
      progressNotifyMs,
      ...(electionTtlSeconds === undefined ? {} : { electionTtlSeconds }),
    },
    tls: { caFile: files.ca, certificateFile: files.certificate, keyFile: files.key },
    ...(holdsKey && {
      ca: { keyFile: files.caKey, ...(certificateSeconds === undefined ? {} : { certificateSeconds }) },
      join: { listen: [settings.joinAddress(node)] },
    }),
    api: { port: apiPort, socket: apiSocket(directory, node.id) },
    metrics: { port: metricsPort },
    dataplaneSocket: at('dataplane.sock'),
  };
}

const secret = { mode: 0o600 };

interface Issuer {
  readonly ca: Ca;
  readonly validity: Validity;
}

async function writeNode({ node, keys }: KeyedNode, config: NodeConfig, { ca, validity }: Issuer): Promise<void> {
  const at = (name: string): string => join(nodeDirectory(node.id), name);
  const files = nodeFiles(node.id);
  for (const name of ['state', 'run', 'etcd']) await mkdir(at(name), { recursive: true, mode: 0o700 });
  const certificate = await issueNodeCertificate(ca, { id: node.id, addresses: [node.meshAddress] }, validity);
  await Promise.all([
    writeFile(at('sealing.agekey'), `${keys.sealing}\n`, secret),
    writeFile(at('interconnect.wgkey'), `${keys.interconnect.privateKey}\n`, secret),
    writeFile(at('mesh.wgkey'), `${keys.mesh.privateKey}\n`, secret),
    writeFile(files.ca, ca.certificatePem),
    ...(authorityNodes.has(node.id) ? [writeFile(files.caKey, ca.privateKeyPem, secret)] : []),
    writeFile(files.certificate, certificate.certificatePem),
    writeFile(files.key, certificate.privateKeyPem, secret),
    writeFile(files.config, `${JSON.stringify(config, null, 2)}\n`),
  ]);
}

/** Names of the files in the lab's directory that an admin's context points to. */
export const adminFiles = { ca: 'ca.pem', certificate: 'admin.pem', key: 'admin.key' } as const;

/** The same of pop44-web: what it shows daemons, and browsers. */
export const webFiles = { config: 'web.json', certificate: 'web.pem', key: 'web.key' } as const;
export const webSocket = (directory: string, kind: 'public' | 'console'): string => join(directory, `${kind}.web.sock`);

// A lab is for a day; one that runs longer is raised again.
const validForMs = 7 * 24 * 3600_000;
/** Longer than anything that its daemons sign. */
const caValidForMs = 90 * 24 * 3600_000;

/** Writes the files of every node, and the admin's credentials into the lab's directory. */
export async function writeNodeFiles(
  all: readonly KeyedNode[],
  directory: string,
  now: Date,
  settings: NodeSettings = usualSettings,
): Promise<void> {
  const surroundings = { all, directory, settings };
  const validity = { now, validForMs };
  const { certificateSeconds } = settings;
  const nodeValidity = certificateSeconds === undefined ? validity : { now, validForMs: certificateSeconds * 1_000 };
  const ca = await createCa('pop44 lab', { now, validForMs: caValidForMs });
  const admin = await issueAdminCertificate(ca, 'lab', validity);
  const web = await issueWebCertificate(ca, { name: 'lab', hosts: ['localhost'], addresses: ['127.0.0.1'] }, validity);
  await Promise.all([
    ...all.map((keyed) => writeNode(keyed, nodeConfig(keyed.node, surroundings), { ca, validity: nodeValidity })),
    writeFile(join(directory, adminFiles.ca), ca.certificatePem),
    writeFile(join(directory, adminFiles.certificate), admin.certificatePem),
    writeFile(join(directory, adminFiles.key), admin.privateKeyPem, secret),
    writeFile(join(directory, webFiles.certificate), web.certificatePem),
    writeFile(join(directory, webFiles.key), web.privateKeyPem, secret),
  ]);
}
