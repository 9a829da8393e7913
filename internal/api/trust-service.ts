// Trust service: tokens, joins, certificates, revocation. What needs the CA's key is answered only where it is.

import type { DescMessage, MessageShape } from '@bufbuild/protobuf';
import { create } from '@bufbuild/protobuf';
import {
  createJoinToken,
  type Decided,
  noToken,
  deleteJoinToken,
  joinNode,
  renewCertificate,
  revokeNode,
  type Signed,
  toJoinToken,
  tokenFor,
} from '#internal/command/command.ts';
import { isRefusal, type Refusal, refuse } from '#internal/errors/errors.ts';
import type { Node } from '#internal/gen/pop44/store/v1/records_pb.ts';
import type { Change } from '#internal/gen/pop44/v1/common_pb.ts';
import {
  JoinFactsSchema,
  JoinedSchema,
  type JoinGrant,
  JoinGrantSchema,
  type JoinRequest,
} from '#internal/gen/pop44/v1/join_pb.ts';
import { RenewCertificateResponseSchema, TrustService } from '#internal/gen/pop44/v1/trust_pb.ts';
import { type Authority, certificateFacts, readRequest, secretHash } from '#internal/identity/identity.ts';
import { nodesInForce, type Snapshot } from '#internal/model/model.ts';
import { type Call, type Principal, Refused } from '#internal/rpc/rpc.ts';
import { authorityHandlers, noKey, signingHere } from './authority-service.ts';
import { listed } from './pages.ts';
import {
  changing,
  commandContext,
  freshness,
  found,
  granted,
  type HandlersOf,
  type ServiceContext,
} from './service.ts';

/** The CA of a daemon that holds its key, and what a new node needs besides its certificate. */
export interface Joining {
  /** Those whose keys it holds, and which it trusts. @throws Fault `authority` */
  held(): readonly Authority[];
  /** Where the store would not let in who has a certificate of this CA, or does not answer: a line each. */
  storesAgainst(authority: Authority): Promise<readonly string[]>;
  /** `host:port` where joins are taken; none: this daemon takes none. */
  readonly addresses: readonly string[];
  readonly etcdEndpoints: readonly string[];
  readonly progressNotifyMs: number;
}

const noJoin = refuse('not-ready', {
  problem: 'this daemon takes no joins',
  cure: 'ask one whose node.json has "join": --node',
});

async function signed(authority: Authority, node: Node, spki: Buffer, now: Date): Promise<Signed> {
  const addresses = node.meshAddress === '' ? [] : [node.meshAddress];
  const pem = await authority.sign({ id: node.id, addresses }, spki, now);
  return { pem, ...certificateFacts(pem), authorityHash: authority.hash };
}

export function trustHandlers(context: ServiceContext): HandlersOf<typeof TrustService> {
  const { head, clock, joining } = context;
  const { method } = TrustService;
  const createToken = changing(context, method.createJoinToken, createJoinToken);
  return {
    ...authorityHandlers(context),
    createJoinToken: async (request, call) => {
      const here = granted(joining ?? noKey);
      if (here.addresses.length === 0) granted(noJoin);
      granted(signingHere(context));
      const answer = await createToken(request, call);
      // After the token is there: from then on no other CA begins to sign.
      const { hash } = granted(signingHere(context));
      return Object.assign(answer, { authorityHash: hash, addresses: [...here.addresses] });
    },
    listJoinTokens: async () => ({
      tokens: listed(head.snapshot().jointokens).map(({ record }) => toJoinToken(record)),
      freshness: freshness(context),
    }),
    deleteJoinToken: changing(context, method.deleteJoinToken, deleteJoinToken),
    revokeNode: changing(context, method.revokeNode, revokeNode),
    renewCertificate: async (request, call) => {
      const authority = granted(signingHere(context));
      const { kind, id, publicKey } = { ...call.principal, publicKey: call.principal.certificate?.publicKey };
      if (kind !== 'node' || publicKey === undefined) {
        throw new Refused(refuse('forbidden', { problem: 'only a node renews, and its own certificate', cure: '' }));
      }
      const node = await found(context, call.signal, (snapshot) => knownNode(snapshot, id));
      const next = await signed(authority, node, publicKey, clock.wall());
      const { response, changed } = granted(
        await context.submit({
          ...wayOf(method.renewCertificate, RenewCertificateResponseSchema, request, call),
          decide: (snapshot) => renewCertificate(snapshot, id, next),
        }),
      );
      return Object.assign(response, { changed, authorities: context.trusted() });
    },
    listCertificates: async () => ({
      certificates: listed(head.snapshot().certificates).map(({ record }) => record),
      freshness: freshness(context),
    }),
  };
}

const knownNode = (snapshot: Snapshot, id: string): Node | Refusal =>
  snapshot.nodes.get(id)?.record ??
  refuse('not-found', { field: 'node', value: id, problem: 'is no node of this network', cure: 'join by a token' });

/** What a submission says besides its decision. */
function wayOf<I extends DescMessage, O extends DescMessage>(
  method: { readonly input: I; readonly name: string; readonly parent: { readonly typeName: string } },
  output: O,
  request: MessageShape<I> & { change?: Change | undefined },
  { principal, signal }: Pick<Call, 'principal' | 'signal'>,
) {
  return {
    method: `/${method.parent.typeName}/${method.name}`,
    input: method.input,
    output,
    request,
    principal,
    signal,
  };
}

/**
 * What the join port answers. Throws Refused, and Faults as Submit does. The certificate is for the key of the request and
 * the names of the token's node, whatever the request says.
 */
export function joins(context: ServiceContext): (request: JoinRequest, signal: AbortSignal) => Promise<JoinGrant> {
  return async (request, signal) => {
    const { head, clock } = context;
    const here = granted(context.joining ?? noKey);
    const authority = granted(signingHere(context));
    const spki = await readRequest(request.certificateRequest);
    if (!Buffer.isBuffer(spki)) throw new Refused(refuse('invalid', { field: 'certificate_request', ...spki }));
    const principal: Principal = { kind: 'node', id: request.nodeId };
    const shown = { tokenId: request.tokenId, secretHash: secretHash(request.secret), nodeId: request.nodeId };
    const node = await found(context, signal, (snapshot) => tokensNode(snapshot, shown)).catch(unknownToken);
    const next = await signed(authority, node, spki, clock.wall());
    const facts = create(JoinFactsSchema, {
      ...shown,
      change: { requestId: request.requestId },
      publicKeyHash: next.publicKeyHash,
      meshPublicKey: request.meshPublicKey,
      interconnectPublicKey: request.interconnectPublicKey,
      sealingPublicKey: request.sealingPublicKey,
    });
    const { response } = granted(
      await context.submit({
        method: '/pop44.v1.Join',
        input: JoinFactsSchema,
        output: JoinedSchema,
        request: facts,
        principal,
        signal,
        decide: (snapshot): Refusal | Decided<MessageShape<typeof JoinedSchema>> =>
          joinNode(snapshot, facts, commandContext(context, principal), next),
      }),
    );
    return create(JoinGrantSchema, {
      certificate: response.certificate,
      authorities: context.trusted(),
      ...(response.node && { node: response.node }),
      others: nodesInForce(head.snapshot()).filter(({ id }) => id !== request.nodeId),
      etcdEndpoints: [...here.etcdEndpoints],
      progressNotifyMs: here.progressNotifyMs,
    });
  };
}

/** An unknown token and a wrong secret are told alike. */
function unknownToken(thrown: unknown): never {
  if (!(thrown instanceof Refused) || thrown.refusal.refused !== 'not-found') throw thrown;
  throw new Refused(noToken);
}

/** `not-found` where the snapshot may only be behind: the newest is asked then. */
function tokensNode(snapshot: Snapshot, shown: Parameters<typeof tokenFor>[1]): Node | Refusal {
  if (!snapshot.jointokens.has(shown.tokenId)) {
    return refuse('not-found', { field: 'token', problem: 'is none of this network', cure: 'pop44 node token create' });
  }
  const token = tokenFor(snapshot, shown);
  if (isRefusal(token)) return token;
  return token.record.node ?? refuse('not-found', { field: 'token', problem: 'names no node', cure: 'another token' });
}
