// Ask: the new machine's side of a join.

import { checkServerIdentity, connect, type ConnectionOptions, type TLSSocket } from 'node:tls';
import { X509Certificate } from 'node:crypto';
import { fromBinary, type MessageInitShape, create, toBinary } from '@bufbuild/protobuf';
import { Fault, messageOf } from '#internal/errors/errors.ts';
import { JoinAnswerSchema, type JoinGrant, JoinRequestSchema } from '#internal/gen/pop44/v1/join_pb.ts';
import { certificateHash, type Ticket } from '#internal/identity/identity.ts';
import { Refused, refusalOf, serverNameOf } from '#internal/rpc/rpc.ts';
import { frame, readFrame } from './exchange.ts';
import { hostAndPort } from './listener.ts';

/** Bytes; a grant is two certificates and all nodes, 200 bytes each. */
const longestAnswer = 4 * 1024 * 1024;
const patienceMs = 15_000;

type Request = MessageInitShape<typeof JoinRequestSchema>;

/**
 * Asks at the addresses of the ticket in their order until one answers. The secret is sent to nobody but a node of the
 * network whose CA the ticket names.
 * @throws Refused; Fault `join` with what each address said
 */
export async function askToJoin(ticket: Ticket, request: Request): Promise<JoinGrant> {
  const said: string[] = [];
  for (const each of ticket.addresses) {
    const [nodeId = '', address = ''] = each.split('@');
    try {
      const authority = await authorityAt(address, ticket.authorityHash);
      return await askAt(address, nodeId, authority, create(JoinRequestSchema, request));
    } catch (thrown) {
      if (thrown instanceof Refused) throw thrown;
      said.push(`${each}: ${messageOf(thrown)}`);
    }
  }
  throw new Fault('join', `nobody let this machine in (${said.join('; ')}); the same token may be tried again`);
}

/** The CA that the server's certificate comes from, if it is the one that the ticket names. Nothing is sent. */
async function authorityAt(address: string, pinned: Buffer): Promise<string> {
  const socket = await opened(address, { rejectUnauthorized: false });
  try {
    for (
      let certificate = socket.getPeerCertificate(true), depth = 0;
      certificate?.raw !== undefined && depth < 4;
      certificate = certificate.issuerCertificate, depth += 1
    ) {
      const x509 = new X509Certificate(certificate.raw);
      if (certificateHash(x509).equals(pinned)) return x509.toString();
    }
  } finally {
    socket.destroy();
  }
  throw new Fault('join', 'this is not the network that the token is for: its CA is another one');
}

async function askAt(
  address: string,
  nodeId: string,
  authority: string,
  request: Parameters<typeof toBinary<typeof JoinRequestSchema>>[1],
): Promise<JoinGrant> {
  const socket = await opened(address, {
    ca: authority,
    checkServerIdentity: (_, certificate) => checkServerIdentity(serverNameOf(nodeId), certificate),
  });
  try {
    socket.write(frame(toBinary(JoinRequestSchema, request)));
    const { outcome } = fromBinary(JoinAnswerSchema, await readFrame(socket, longestAnswer));
    switch (outcome.case) {
      case 'grant':
        return outcome.value;
      case 'refusal':
        throw new Refused(refusalOf(outcome.value));
      case 'fault':
        throw new Fault(outcome.value.code, outcome.value.message);
      case undefined:
        throw new Fault('join', 'the answer is one of another version');
    }
  } finally {
    socket.destroy();
  }
}

function opened(address: string, options: ConnectionOptions): Promise<TLSSocket> {
  const { host, port } = hostAndPort(address);
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port, minVersion: 'TLSv1.3', ...options }, () => resolve(socket));
    socket.setTimeout(patienceMs, () => socket.destroy(new Fault('join', `no answer within ${patienceMs / 1_000} s`)));
    socket.on('error', reject);
    socket.on('close', () => reject(new Fault('join', 'the connection was closed')));
  });
}
