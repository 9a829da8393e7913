// Authority service: the part of TrustService that is about the CAs themselves: one follows another.

import { X509Certificate } from 'node:crypto';
import type { DescMessage, DescMethodUnary, MessageShape } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import {
  addAuthority,
  authorityNamed,
  type Decided,
  notTrustedBy,
  retireAuthority,
  useAuthority,
  usersOf,
} from '#internal/command/command.ts';
import { isRefusal, type Refusal, refuse } from '#internal/errors/errors.ts';
import type { Authority as AuthorityRecord } from '#internal/gen/pop44/store/v1/records_pb.ts';
import type { Change } from '#internal/gen/pop44/v1/common_pb.ts';
import { TrustService } from '#internal/gen/pop44/v1/trust_pb.ts';
import {
  type Authority,
  authorityId,
  certificatesOf,
  problemOfAuthority,
  shortId,
} from '#internal/identity/identity.ts';
import { signingAuthority, type Snapshot } from '#internal/model/model.ts';
import { type Call, Refused } from '#internal/rpc/rpc.ts';
import { commandContext, freshness, found, granted, type HandlersOf, type ServiceContext } from './service.ts';

/** Milliseconds that a new CA must have left: two lives of a node's certificate. */
const leastLeftMs = 90 * 24 * 3600_000;
/** Characters; a CA of ours has 700. */
const longestPem = 16_384;

export const noKey = refuse('not-ready', {
  problem: "this daemon does not hold the CA's key",
  cure: 'ask one whose node.json has "ca": --node',
});

/** The CA that signs now, in the hands of this daemon. */
export function signingHere({ head, joining }: Pick<ServiceContext, 'head' | 'joining'>): Authority | Refusal {
  const held = joining?.held() ?? [];
  const signing = signingAuthority(head.snapshot())?.record.id;
  const here = signing === undefined ? held[0] : held.find(({ id }) => id === signing);
  if (here !== undefined) return here;
  if (signing === undefined || joining === undefined) return noKey;
  return refuse('not-ready', {
    value: shortId(signing),
    problem: 'signs, and this daemon does not hold its key',
    cure: 'put it into ca.keyFile of this node, after the one that is there, or ask another daemon: --node',
  });
}

function parsedPem(pem: string, now: Date, known: readonly X509Certificate[]): X509Certificate | Refusal {
  const field = 'certificate';
  const bad = (problem: string, cure = 'one certificate as pop44d new-ca prints it'): Refusal =>
    refuse('invalid', { field, problem, cure });
  if (pem === '') return refuse('required', { field, problem: 'is missing', cure: 'a CA in PEM' });
  if (pem.length > longestPem) return bad(`has ${pem.length} characters, at most ${longestPem} are read`);
  if (/PRIVATE KEY/.test(pem)) return bad('holds a private key, which stays where it is');
  let certificates: readonly X509Certificate[];
  try {
    certificates = certificatesOf(pem);
  } catch {
    return bad('is not a certificate in PEM');
  }
  const [certificate, second] = certificates;
  if (certificate === undefined) return bad('is not a certificate in PEM');
  if (second !== undefined) return bad('is more than one certificate');
  const problem = problemOfAuthority(certificate, now);
  if (problem !== undefined) return bad(problem);
  if (certificate.validToDate.getTime() - now.getTime() < leastLeftMs)
    return bad(`ends at ${certificate.validToDate.toISOString()}`, 'a CA that is valid for 90 days at least');
  const namesake = known.find(
    (other) => other.subject === certificate.subject && authorityId(other) !== authorityId(certificate),
  );
  return namesake === undefined ? certificate : bad('bears the name of another CA of this network', 'another name');
}

const parsedRecord = ({ certificate }: Pick<AuthorityRecord, 'certificate'>): X509Certificate | undefined => {
  try {
    return new X509Certificate(certificate);
  } catch {
    return undefined;
  }
};

/** All that this daemon knows: by file and by record. */
function knownAuthorities({ head, trusted }: ServiceContext): readonly X509Certificate[] {
  const records = [...head.snapshot().authorities.values()].flatMap(({ record }) => parsedRecord(record) ?? []);
  return [...certificatesOf(trusted()), ...records];
}

type Handled = 'listAuthorities' | 'addAuthority' | 'useAuthority' | 'retireAuthority' | 'renewAdminCertificate';

export function authorityHandlers(context: ServiceContext): Pick<HandlersOf<typeof TrustService>, Handled> {
  const { head, clock, joining, status } = context;
  const { method } = TrustService;
  const trusts = (nodeId: string, id: string): boolean =>
    (nodeId === context.config.nodeId ? status.own() : status.of(nodeId)?.report)?.trustedAuthorities.includes(id) ??
    false;

  async function submitted<I extends DescMessage, O extends DescMessage>(
    of: DescMethodUnary<I, O>,
    request: MessageShape<I> & { change?: Change | undefined },
    { principal, signal }: Pick<Call, 'principal' | 'signal'>,
    decide: (snapshot: Snapshot) => Refusal | Decided<MessageShape<O>>,
  ): Promise<MessageShape<O>> {
    const way = { method: `/${of.parent.typeName}/${of.name}`, input: of.input, output: of.output };
    const { response, changed } = granted(await context.submit({ ...way, request, principal, signal, decide }));
    return Object.assign(response, { changed });
  }

  return {
    listAuthorities: async () => ({ authorities: states(context, trusts), freshness: freshness(context) }),
    addAuthority: async (request, call) => {
      const certificate = granted(parsedPem(request.certificate, clock.wall(), knownAuthorities(context)));
      const by = granted(signingHere(context));
      const added = { id: authorityId(certificate), certificate: new Uint8Array(certificate.raw) };
      const voucher = by.say('voucher', added.id);
      const known = { id: by.id, certificate: new Uint8Array(new X509Certificate(by.certificatePem).raw), voucher };
      return submitted(method.addAuthority, request, call, (snapshot) =>
        addAuthority(snapshot, added, commandContext(context, call.principal), known),
      );
    },
    useAuthority: async (request, call) => {
      const { record } = await found(context, call.signal, (snapshot) => authorityNamed(snapshot, request.id));
      const next = granted(joining ?? noKey)
        .held()
        .find(({ id }) => id === record.id);
      const decide = (snapshot: Snapshot) =>
        useAuthority(snapshot, request, commandContext(context, call.principal), trusts);
      // What the records and the nodes say first: it is said at once.
      const early = decide(head.snapshot());
      if (isRefusal(early)) throw new Refused(early);
      if (next === undefined || joining === undefined) {
        throw new Refused(
          refuse('not-ready', {
            field: 'id',
            value: record.id,
            problem: 'is a CA whose key this daemon does not hold',
            cure: 'put it into ca.keyFile of this node, after the one that is there, or ask another daemon: --node',
          }),
        );
      }
      const obstacles = await joining.storesAgainst(next);
      if (obstacles.length > 0) {
        throw new Refused(
          refuse('not-ready', {
            field: 'id',
            value: record.id,
            problem: 'is not known to be trusted by every etcd',
            cure: 'etcd reads its trusted-ca-file when it starts: restart the members, one after the other',
            obstacles,
          }),
        );
      }
      return submitted(method.useAuthority, request, call, decide);
    },
    retireAuthority: async (request, call) => {
      const { record } = await found(context, call.signal, (snapshot) => authorityNamed(snapshot, request.id));
      const by = granted(signingHere(context));
      const issuer = call.principal.certificate?.issuer;
      const caller = issuer !== undefined && issuer === parsedRecord(record)?.subject;
      const said = { by: { id: by.id, retirement: by.say('retirement', record.id) }, caller };
      return submitted(method.retireAuthority, request, call, (snapshot) =>
        retireAuthority(snapshot, { id: record.id }, commandContext(context, call.principal), said),
      );
    },
    renewAdminCertificate: async (_, { principal: { kind, id, certificate } }) => {
      if (kind !== 'admin' || certificate === undefined)
        throw new Refused(refuse('forbidden', { problem: 'only an admin renews, and its own certificate', cure: '' }));
      const by = granted(signingHere(context));
      if (certificate.issuer === by.subject) return { certificate: '' };
      const { publicKey, endsMs } = certificate;
      return { certificate: await by.signAdmin(id, publicKey, { now: clock.wall(), endsMs }) };
    },
  };
}

function states(context: ServiceContext, trusts: (nodeId: string, id: string) => boolean) {
  const snapshot = context.head.snapshot();
  const signing = signingAuthority(snapshot)?.record.id;
  const recorded = [...snapshot.authorities.values()].map(({ record }) => ({ record, parsed: parsedRecord(record) }));
  // Before there was a second one no record tells of the first.
  const byFile = certificatesOf(context.trusted())
    .filter((certificate) => !snapshot.authorities.has(authorityId(certificate)))
    .map((parsed) => ({
      record: { id: authorityId(parsed), certificate: new Uint8Array(parsed.raw) } as const,
      parsed,
    }));
  return [...recorded, ...byFile].map(({ record, parsed }) => {
    const { known, unknown } = usersOf(snapshot, record.id);
    const was = 'signsSince' in record ? record.signsSince !== undefined && record.id !== signing : false;
    const gone = 'retiredAt' in record && record.retiredAt !== undefined;
    return {
      authority: record,
      subject: parsed?.subject ?? '',
      ...(parsed === undefined ? {} : { notAfter: timestampFromDate(parsed.validToDate) }),
      signs: signing === undefined ? recorded.length === 0 && byFile.length === 1 : record.id === signing,
      notTrustedBy: gone ? [] : [...notTrustedBy(snapshot, record.id, trusts)],
      usedBy: [...known, ...(was && !gone ? unknown : [])].sort(),
    };
  });
}
