// People service: what people ask for themselves: an account, a login, another password, tokens.

import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { isRefusal, type Refusal, refuse } from '#internal/errors/errors.ts';
import { SignUpSchema, type User } from '#internal/gen/pop44/store/v1/people_pb.ts';
import { LoginRequestSchema, PeopleService } from '#internal/gen/pop44/v1/people_pb.ts';
import { passwordProblem } from '#internal/password/password.ts';
import {
  callsignField,
  changePassword,
  createToken,
  emailField,
  foldedEmail,
  foldedName,
  heldBy,
  logIn,
  loginShown,
  logOut,
  requestReset,
  resetOf,
  resetPassword,
  revokeLogins,
  revokeToken,
  signUp,
  standingOf,
  tokenShown,
  userNamed,
  userShown,
  verify,
} from '#internal/people/people.ts';
import { type Call, principalName, Refused } from '#internal/rpc/rpc.ts';
import { namedOrSelf, selfOf, signUpPolicy } from './account-of.ts';
import { changePeople, orRefused, peopleOf } from './changing-people.ts';
import { peopleAdminHandlers } from './people-admin.ts';
import { freshness, type HandlersOf, type ServiceContext } from './service.ts';
import { secretHashHex } from './who.ts';

/** SHA-256. */
const hashBytes = 32;

/** Alike whether the name is unknown or the password wrong. */
const wrong = refuse('unauthenticated', {
  field: 'password',
  problem: 'is not the one of this name',
  cure: 'pop44 account reset sets another',
});

function secretHashField(secretHash: Uint8Array): string {
  if (secretHash.length === hashBytes) return Buffer.from(secretHash).toString('hex');
  const value = `${secretHash.length} bytes`;
  const cure = `the ${hashBytes} bytes of the SHA-256 of a secret`;
  throw new Refused(refuse('invalid', { field: 'secret_hash', value, problem: 'is no hash', cure }));
}

const labelField = (label: string): Refusal | undefined =>
  label.length <= 100 && !/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u.test(label)
    ? undefined
    : refuse('invalid', {
        field: 'label',
        value: label,
        problem: 'is too long or not visible',
        cure: 'up to 100 characters',
      });

export function peopleHandlers(context: ServiceContext): HandlersOf<typeof PeopleService> {
  const { clock, guessing, passwords } = context;
  const { method } = PeopleService;
  const nowMs = (): number => clock.monotonicMs();
  const mayAsk = ({ principal }: Call, kind: 'login' | 'mails'): void => {
    const refusal = guessing.ask(principal.source ?? '', kind, nowMs());
    if (refusal !== undefined) throw new Refused(refusal);
  };

  const mayMail = (email: string): void => {
    const refusal = guessing.mayMail(email, nowMs());
    if (refusal !== undefined) throw new Refused(refusal);
  };

  /** Refuses alike, after as long, whatever was wrong. */
  async function checked(user: User | undefined, name: string, password: string, call: Call): Promise<User> {
    const source = call.principal.source ?? '';
    const tried = { name, source, known: user !== undefined };
    const refusal = guessing.tries(tried, nowMs());
    if (refusal !== undefined) throw new Refused(refusal);
    const right = await passwords.verify(user?.passwordHash, password);
    if (isRefusal(right)) {
      guessing.takeBack(tried);
      throw new Refused(right);
    }
    if (user !== undefined && right) {
      guessing.passed(tried);
      return user;
    }
    context.refusals.count('wrong-password', source);
    throw new Refused(wrong);
  }

  return {
    ...peopleAdminHandlers(context),
    signUp: async (request, call) => {
      peopleOf(context);
      const { callsign } = orRefused(callsignField('callsign', request.callsign));
      const { email } = orRefused(emailField('email', request.email));
      const problem = passwordProblem('password', request.password, { callsign, email });
      if (problem !== undefined) throw new Refused(problem);
      mayAsk(call, 'mails');
      const passwordHash = orRefused(await passwords.hash(request.password));
      mayMail(email);
      const wanted = create(SignUpSchema, { callsign, email, passwordHash });
      return changePeople(context, {
        ...{ method: method.signUp, input: method.signUp.input, output: method.signUp.output, call, asked: request },
        request: { ...request, password: '' },
        decide: (people, around) => signUp(people, signUpPolicy(context), wanted, around),
      });
    },
    verify: async (request, call) => {
      mayAsk(call, 'login');
      const hash = secretHashHex(request.secret);
      return changePeople(context, {
        ...{ method: method.verify, input: method.verify.input, output: method.verify.output, call, asked: request },
        request: { ...request, secret: Buffer.from(hash, 'hex') },
        decide: (people, around) => verify(people, signUpPolicy(context), hash, around),
      });
    },
    requestReset: async (request, call) => {
      peopleOf(context);
      const { email } = orRefused(emailField('email', request.email));
      mayAsk(call, 'mails');
      mayMail(email);
      const { requestReset: asked } = method;
      return changePeople(context, {
        ...{ method: asked, input: asked.input, output: asked.output, call, asked: request, request },
        decide: (people, around) => requestReset(people, email, around),
      });
    },
    reset: async (request, call) => {
      mayAsk(call, 'login');
      const hash = secretHashHex(request.secret);
      const { record } = orRefused(resetOf(peopleOf(context), hash, clock.wall()));
      const problem = passwordProblem('password', request.password, record);
      if (problem !== undefined) throw new Refused(problem);
      const passwordHash = orRefused(await passwords.hash(request.password));
      const answer = await changePeople(context, {
        ...{ method: method.reset, input: method.reset.input, output: method.reset.output, call, asked: request },
        request: { ...request, secret: Buffer.from(hash, 'hex'), password: '' },
        decide: (people, around) => resetPassword(people, hash, passwordHash, around),
      });
      // Whoever was locked out by a guesser has another password now, and need not wait.
      guessing.lift([record.callsign, foldedEmail(record.email), record.id]);
      return answer;
    },
    login: async (request, call) => {
      const people = peopleOf(context);
      mayAsk(call, 'login');
      const { label } = request;
      const name = foldedName(request.name);
      const hash = secretHashField(request.secretHash);
      const bad = labelField(label);
      if (bad !== undefined) throw new Refused(bad);
      // By the text, not by the account: that two names are counted together would tell that they are one's.
      const { id: userId, passwordHash } = await checked(userNamed(people, name)?.record, name, request.password, call);
      const { login, changed } = await changePeople(context, {
        ...{ method: method.login, input: LoginRequestSchema, output: method.login.output, call, asked: request },
        request: { ...request, password: '' },
        decide: (now, around) => {
          const wanted = { userId, passwordHash, hash, source: call.principal.source ?? '', label };
          const made = logIn(now, wanted, around);
          return isRefusal(made) ? made : { ...made, response: { login: loginShown(made.response.login, hash) } };
        },
      });
      return { changed, ...(login && { login }) };
    },
    logout: async (request, call) => {
      selfOf(peopleOf(context), call.principal);
      const hash = call.principal.bearer?.hash ?? '';
      return changePeople(context, {
        ...{
          method: method.logout,
          input: method.logout.input,
          output: method.logout.output,
          call,
          asked: request,
          request,
        },
        decide: (people) => logOut(people, hash),
      });
    },
    whoAmI: async (_, { principal }) => {
      const { bearer } = principal;
      const said = { principal: principalName(principal), freshness: freshness(context) };
      if (bearer === undefined) return said;
      const people = peopleOf(context);
      const standing = orRefused(standingOf(people, bearer.kind, bearer.hash, clock.wall().getTime()));
      const user = people.user.get(standing.user.id);
      return {
        ...said,
        ...(user && { user: userShown(user) }),
        scopes: [...(standing.scopes ?? [])],
        expiresAt: timestampFromMs(standing.endsMs),
      };
    },
    listLogins: async ({ user }, { principal }) => {
      const people = peopleOf(context);
      const { record } = namedOrSelf(people, user, principal);
      const current = principal.bearer?.hash ?? '';
      const logins = heldBy(people, 'login', record.id).map(([, login]) => loginShown(login.record, current));
      return { logins, freshness: freshness(context) };
    },
    revokeLogin: async (request, call) => {
      const { record } = namedOrSelf(peopleOf(context), request.user, call.principal);
      const { revokeLogin: asked } = method;
      return changePeople(context, {
        ...{ method: asked, input: asked.input, output: asked.output, call, asked: request, request },
        decide: (people) => revokeLogins(people, record.id, request.id),
      });
    },
    changePassword: async (request, call) => {
      const { record } = selfOf(peopleOf(context), call.principal);
      await checked(record, record.id, request.oldPassword, call);
      const problem = passwordProblem('new_password', request.newPassword, record);
      if (problem !== undefined) throw new Refused(problem);
      const passwordHash = orRefused(await passwords.hash(request.newPassword));
      const login = call.principal.bearer?.hash ?? '';
      const { changePassword: asked } = method;
      return changePeople(context, {
        ...{ method: asked, input: asked.input, output: asked.output, call, asked: request },
        request: { ...request, oldPassword: '', newPassword: '' },
        decide: (people, around) =>
          changePassword(people, { userId: record.id, before: record.passwordHash, passwordHash, login }, around),
      });
    },
    createToken: async (request, call) => {
      const { record } = selfOf(peopleOf(context), call.principal);
      const hash = secretHashField(request.secretHash);
      const { createToken: asked } = method;
      return changePeople(context, {
        ...{ method: asked, input: asked.input, output: asked.output, call, asked: request, request },
        decide: (people, around) => {
          const made = createToken(people, { userId: record.id, hash, ...named(request) }, around);
          return isRefusal(made) ? made : { ...made, response: { token: tokenShown(made.response.token) } };
        },
      });
    },
    listTokens: async ({ user }, { principal }) => {
      const people = peopleOf(context);
      const { record } = namedOrSelf(people, user, principal);
      const tokens = heldBy(people, 'token', record.id).map(([, token]) => tokenShown(token.record));
      return { tokens, freshness: freshness(context) };
    },
    revokeToken: async (request, call) => {
      const { record } = namedOrSelf(peopleOf(context), request.user, call.principal);
      const { revokeToken: asked } = method;
      return changePeople(context, {
        ...{ method: asked, input: asked.input, output: asked.output, call, asked: request, request },
        decide: (people) => revokeToken(people, record.id, request.token),
      });
    },
  };
}

const named = ({ name, scopes, validDays }: { name: string; scopes: readonly string[]; validDays: number }) => ({
  ...{ name, scopes, validDays },
});
