// pop44d join: this machine becomes a node. Its keys are made here and stay here; by a token it gets a certificate for them,
// and everything that node.json says. Run again after an answer got lost, it goes on where it was.

import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { parseConfig, type NodeConfig } from '#internal/config/config.ts';
import { Fault, messageOf } from '#internal/errors/errors.ts';
import type { JoinGrant } from '#internal/gen/pop44/v1/join_pb.ts';
import { createRequest, readTicket, type Ticket } from '#internal/identity/identity.ts';
import { askToJoin } from '#internal/join/join.ts';
import { endpointAt } from '#internal/netip/netip.ts';
import { ownRecipient } from '#internal/sealing/sealing.ts';
import { keyBytes, newPrivateKey, publicKeyOf } from '#internal/x25519/x25519.ts';
import { tlsDirectory } from './places.ts';

export interface JoinOptions {
  readonly tokenFile: string;
  readonly dir: string;
  readonly stateDir: string;
  readonly runDir: string;
  readonly madeKeysDir: string;
  readonly netnsTransport: string;
  readonly netnsPop: string;
  readonly meshMtu: number;
}

const apiSocket = 'api.sock';
const dataplaneSocket = 'dataplane.sock';
/** As the lab's, beside every node's API. */
const metricsPort = 9_440;

/** Gives what a person is told. @throws Fault `join`; Refused */
export async function joinNetwork(options: JoinOptions): Promise<readonly string[]> {
  const dir = resolve(options.dir);
  const at = (name: string): string => join(dir, name);
  if (existsSync(at('node.json')))
    throw new Fault('join', `${at('node.json')} is there: this machine is a node already`);
  const ticket = ticketIn(options.tokenFile);
  mkdirSync(dir, { recursive: true, mode: 0o700 });

  const tls = tlsOf(dir);
  mkdirSync(dirname(tls.keyFile), { recursive: true, mode: 0o700 });
  const { keyFile } = tls;
  const made = await createRequest(ticket.nodeId, existsSync(keyFile) ? readFileSync(keyFile, 'utf8') : undefined);
  secret(keyFile, made.privateKeyPem);
  const meshPublicKey = wgKey(at('mesh.wgkey'));
  const interconnectPublicKey = wgKey(at('interconnect.wgkey'));
  const sealingPublicKey = ownRecipient(at('sealing.agekey'));

  const grant = await askToJoin(ticket, {
    tokenId: ticket.tokenId,
    secret: ticket.secret,
    nodeId: ticket.nodeId,
    certificateRequest: made.der,
    meshPublicKey,
    interconnectPublicKey,
    sealingPublicKey,
    requestId: requestId(ticket, meshPublicKey),
  });
  writeFileSync(tls.caFile, grant.authorities);
  writeFileSync(tls.certificateFile, grant.certificate);
  const config = JSON.stringify(configOf(options, dir, grant), null, 2);
  // What pop44d would not read is not left behind as if it could.
  parseConfig(config);
  for (const name of [options.stateDir, options.runDir, options.madeKeysDir].map((each) => resolve(each))) {
    // Each half passes through what lies above its own.
    mkdirSync(dirname(name), { recursive: true, mode: 0o755 });
    mkdirSync(name, { recursive: true, mode: 0o700 });
  }
  writeFileSync(at('node.json'), `${config}\n`);
  return [
    `node ${grant.node?.id ?? ''} of PoP ${grant.node?.popId ?? ''} has joined: ${at('node.json')}`,
    `seal the access key of its PoP to it: pop44 pop key reseal ${grant.node?.popId ?? ''} --identity FILE`,
    `of a node that has the key already, or pop44 pop key create ${grant.node?.popId ?? ''} for the first one`,
  ];
}

/** A directory of their own: who renews them must write there, and must not write where node.json is. */
const tlsOf = (dir: string): NodeConfig['tls'] => ({
  caFile: join(dir, tlsDirectory, 'ca.pem'),
  certificateFile: join(dir, tlsDirectory, 'node.pem'),
  keyFile: join(dir, tlsDirectory, 'node.key'),
});

function ticketIn(file: string): Ticket {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (thrown) {
    throw new Fault('join', `the token cannot be read: ${messageOf(thrown)}`, thrown);
  }
  const ticket = readTicket(text);
  if (ticket === undefined) {
    // Without what it holds.
    throw new Fault('join', `${file} holds no token, or a damaged one (what pop44 node token create printed, whole)`);
  }
  return ticket;
}

/** Written before it is used, and never over another. */
function secret(file: string, text: string): void {
  if (!existsSync(file)) writeFileSync(file, text, { mode: 0o600, flag: 'wx' });
}

/** The public key of the WireGuard key in the file, which is made if it is not there. */
function wgKey(file: string): string {
  if (!existsSync(file)) secret(file, `${newPrivateKey().toString('base64')}\n`);
  const bytes = Buffer.from(readFileSync(file, 'utf8').trim(), 'base64');
  if (bytes.length !== keyBytes) throw new Fault('join', `${file} holds no WireGuard private key; remove it`);
  return publicKeyOf(bytes).toString('base64');
}

/** The same for the same token on the same machine, and nobody can guess it. */
function requestId({ secret: shared }: Ticket, meshPublicKey: string): string {
  return `join-${createHash('sha256').update(shared).update(meshPublicKey).digest('hex').slice(0, 40)}`;
}

function configOf(options: JoinOptions, dir: string, grant: JoinGrant): NodeConfig {
  const { node } = grant;
  if (node === undefined) throw new Fault('join', 'the answer names no node');
  const at = (name: string): string => join(dir, name);
  const stateDir = resolve(options.stateDir);
  const runDir = resolve(options.runDir);
  const v4 = node.underlay4 !== '';
  return {
    nodeId: node.id,
    stateDir,
    runDir,
    netns: { transport: options.netnsTransport, pop: options.netnsPop },
    interconnectKeyFile: at('interconnect.wgkey'),
    madeKeysDir: resolve(options.madeKeysDir),
    sealingKeyFile: at('sealing.agekey'),
    mesh: {
      privateKeyFile: at('mesh.wgkey'),
      address: node.meshAddress,
      port: node.meshPort,
      mtu: options.meshMtu,
      peers: grant.others.flatMap((other) => {
        const underlay = v4 && other.underlay4 !== '' ? other.underlay4 : other.underlay6;
        if (underlay === '' || other.meshPublicKey === '') return [];
        return [
          {
            publicKey: other.meshPublicKey,
            endpoint: endpointAt(underlay, other.meshPort),
            address: other.meshAddress,
          },
        ];
      }),
    },
    etcd: { endpoints: grant.etcdEndpoints, progressNotifyMs: grant.progressNotifyMs },
    tls: tlsOf(dir),
    api: { port: node.apiPort, socket: join(stateDir, apiSocket) },
    metrics: { port: metricsPort },
    dataplaneSocket: join(runDir, dataplaneSocket),
  };
}
