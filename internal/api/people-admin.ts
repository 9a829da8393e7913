// People admin: what admins do with accounts.

import { clone, create } from '@bufbuild/protobuf';
import type { Decided } from '#internal/command/command.ts';
import { type Refusal, refuse } from '#internal/errors/errors.ts';
import { SignUpSchema, UserState } from '#internal/gen/pop44/store/v1/people_pb.ts';
import { NetworkSchema, SignUpPolicy } from '#internal/gen/pop44/store/v1/records_pb.ts';
import {
  PeopleService,
  type SetSignUpRequest,
  type SetSignUpResponse,
  SetSignUpResponseSchema,
} from '#internal/gen/pop44/v1/people_pb.ts';
import { networkId, type Snapshot } from '#internal/model/model.ts';
import { passwordProblem } from '#internal/password/password.ts';
import {
  approveUser,
  bootstrap,
  callsignField,
  deleteUser,
  emailField,
  mailShown,
  reinstateUser,
  setUserRole,
  suspendUser,
  userShown,
} from '#internal/people/people.ts';
import { Refused } from '#internal/rpc/rpc.ts';
import { namedOrSelf, selfOf } from './account-of.ts';
import { changePeople, orRefused, peopleOf, wayOf } from './changing-people.ts';
import { listed, page } from './pages.ts';
import { changing, freshness, granted, type HandlersOf, type ServiceContext } from './service.ts';

type AdminMethods =
  | 'bootstrap'
  | 'listUsers'
  | 'getUser'
  | 'approveUser'
  | 'suspendUser'
  | 'reinstateUser'
  | 'deleteUser'
  | 'setUserRole'
  | 'setSignUp'
  | 'listMails';

const etagOf = ({ change }: { readonly change?: { readonly etag: string } | undefined }): string => change?.etag ?? '';

function reasonField(reason: string): Refusal | undefined {
  const cure = 'one line of 1 to 200 visible characters';
  if (reason.trim() === '') return refuse('required', { field: 'reason', problem: 'is missing', cure });
  if (reason.length <= 200 && !/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u.test(reason)) return undefined;
  return refuse('invalid', { field: 'reason', value: reason, problem: 'is too long or not visible', cure });
}

/** https and a host, as links in mails begin with. */
const urlSyntax =
  /^https:\/\/(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?::[1-9][0-9]{0,4})?$/;

/** Refuses `not-ready`, `required`, `invalid`. */
function setSignUp(snapshot: Snapshot, request: SetSignUpRequest): Refusal | Decided<SetSignUpResponse> {
  const { network } = snapshot;
  if (network === undefined)
    return refuse('not-ready', { problem: 'no network has been created yet', cure: 'pop44 network create' });
  const { policy, publicUrl } = request;
  const words = 'approval, open or closed';
  if (policy === SignUpPolicy.UNSPECIFIED && publicUrl === undefined)
    return refuse('required', { field: 'policy', problem: 'and public_url are missing', cure: words });
  if (![0, SignUpPolicy.APPROVAL, SignUpPolicy.OPEN, SignUpPolicy.CLOSED].includes(policy))
    return refuse('invalid', { field: 'policy', value: String(policy), problem: 'is no policy', cure: words });
  if (publicUrl !== undefined && publicUrl !== '' && !urlSyntax.test(publicUrl))
    return refuse('invalid', {
      field: 'public_url',
      value: publicUrl,
      problem: 'is no address of a site',
      cure: 'like https://connect.example.org',
    });
  const record = clone(NetworkSchema, network.record);
  if (policy !== SignUpPolicy.UNSPECIFIED) record.signUp = policy;
  record.publicUrl = publicUrl ?? record.publicUrl;
  return {
    decision: {
      compares: [{ kind: 'network', id: networkId, revision: network.revision }],
      writes: [{ op: 'put', kind: 'network', id: networkId, record }],
    },
    response: create(SetSignUpResponseSchema, { policy: record.signUp, publicUrl: record.publicUrl }),
  };
}

export function peopleAdminHandlers(context: ServiceContext): Pick<HandlersOf<typeof PeopleService>, AdminMethods> {
  const { passwords, head } = context;
  const { method } = PeopleService;
  return {
    bootstrap: async (request, call) => {
      peopleOf(context);
      const { callsign } = orRefused(callsignField('callsign', request.callsign));
      const { email } = orRefused(emailField('email', request.email));
      const problem = passwordProblem('password', request.password, { callsign, email });
      if (problem !== undefined) throw new Refused(problem);
      const passwordHash = orRefused(await passwords.hash(request.password));
      const wanted = create(SignUpSchema, { callsign, email, passwordHash });
      return changePeople(context, {
        ...{ ...wayOf(method.bootstrap), call, asked: request, request: { ...request, password: '' } },
        decide: (people, around) => bootstrap(people, wanted, around),
      });
    },
    listUsers: async (request) => {
      const people = peopleOf(context);
      const { state } = request;
      const { items, nextPageToken } = granted(
        page(people.user, request, ({ record }) => state === UserState.UNSPECIFIED || record.state === state),
      );
      return { users: items.map(userShown), nextPageToken, freshness: freshness(context) };
    },
    getUser: async ({ user }, { principal }) => {
      const found = namedOrSelf(peopleOf(context), user, principal);
      return { user: userShown(found), freshness: freshness(context) };
    },
    approveUser: async (request, call) =>
      changePeople(context, {
        ...{ ...wayOf(method.approveUser), call, asked: request, request },
        decide: (people, around) => approveUser(people, { user: request.user, etag: etagOf(request) }, around),
      }),
    suspendUser: async (request, call) => {
      const { user, reason } = request;
      const refusal = reasonField(reason);
      if (refusal !== undefined) throw new Refused(refusal);
      return changePeople(context, {
        ...{ ...wayOf(method.suspendUser), call, asked: request, request },
        decide: (people, around) => suspendUser(people, { user, reason, etag: etagOf(request) }, around),
      });
    },
    reinstateUser: async (request, call) =>
      changePeople(context, {
        ...{ ...wayOf(method.reinstateUser), call, asked: request, request },
        decide: (people, around) => reinstateUser(people, { user: request.user, etag: etagOf(request) }, around),
      }),
    deleteUser: async (request, call) => {
      const user = request.user === '' ? selfOf(peopleOf(context), call.principal).record.id : request.user;
      return changePeople(context, {
        ...{ ...wayOf(method.deleteUser), call, asked: request, request },
        decide: (people) => deleteUser(people, head.snapshot(), { user, etag: etagOf(request) }),
      });
    },
    setUserRole: async (request, call) => {
      const { user, role, popIds } = request;
      return changePeople(context, {
        ...{ ...wayOf(method.setUserRole), call, asked: request, request },
        decide: (people) => setUserRole(people, head.snapshot(), { user, role, popIds, etag: etagOf(request) }),
      });
    },
    setSignUp: changing(context, method.setSignUp, setSignUp),
    listMails: async () => ({
      mails: listed(peopleOf(context).mail).map(({ record }) => mailShown(record)),
      freshness: freshness(context),
    }),
  };
}
