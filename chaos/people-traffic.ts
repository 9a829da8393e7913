// People traffic: somebody signs up, follows the link of the mail, is let in, logs in and out, is suspended and reinstated;
// many after one another. Each step is asked again until it is known what became of it.

import { join } from 'node:path';
import type { Client } from '#internal/client/client.ts';
import type { Clock } from '#internal/clock/clock.ts';
import type { Changed } from '#internal/gen/pop44/v1/common_pb.ts';
import type { CallOptions } from '#internal/rpc/rpc.ts';
import { mailboxAt, newSecret } from '#internal/testkit/accounts.ts';
import { nodeDirectory } from '#internal/testkit/lab/places.ts';
import { randomFrom } from '#internal/testkit/random.ts';
import { type Answer, type Ask, attempt } from './ask.ts';
import { pick } from './choice.ts';
import type { HistoryRecorder, Kind } from './history.ts';
import type { Part } from './part.ts';
import type { SecretKeeper } from './secrets.ts';

export interface PeopleTrafficOptions {
  /** One client for each daemon, by node: who bears a secret says so with each call. */
  readonly daemons: ReadonlyMap<string, Client>;
  readonly clock: Clock;
  readonly history: HistoryRecorder;
  readonly seed: number;
  readonly keep: SecretKeeper;
}

interface Login {
  readonly bearer: string;
  readonly request: string;
  /** Requests that may have ended it. */
  readonly ends: string[];
}

/** How many people are at it at once, and how long each pauses between steps, in milliseconds: a hash of a password costs 0.1 s of processor. */
const atOnce = 2;
const pauseMs = 700;
const deadlineMs = 6_000;
const mailWithinMs = 12_000;
const mostTries = 40;
const reason = 'chaos';

type Send = (client: Client, options: CallOptions) => Promise<{ readonly changed?: Changed | undefined }>;

interface Step {
  readonly kind: Kind;
  readonly who: string;
  readonly bearer?: string;
  readonly send: (change: { readonly requestId: string }) => Send;
}

export function openPeopleTraffic(options: PeopleTrafficOptions): Part {
  const { daemons, clock, history, seed, keep } = options;
  const nodes = [...daemons.keys()];
  const logins: Login[] = [];
  const unknown = new Set<() => Promise<void>>();
  let people = 0;
  let requests = 0;
  const random = randomFrom(seed * 1_000 + 300);
  const newRequest = (): string => `${seed}-people-${(requests += 1)}`;
  const clientOf = (node: string): Client => {
    const client = daemons.get(node);
    if (client === undefined) throw new RangeError(`no daemon ${node}`);
    return client;
  };

  /** Asks until it is known; undefined: it was refused, or nobody knew in the end. */
  async function ask(
    { kind, who, bearer, send }: Step,
    signal: AbortSignal,
    first?: string,
  ): Promise<string | undefined> {
    const request = first ?? newRequest();
    const carry = send({ requestId: request });
    const one: Ask = {
      ...{ request, kind, owner: who, asked: who, takes: [], settled: () => {} },
      send: async (client, call): Promise<Answer> => {
        const { changed } = await carry(client, call);
        return { changed, given: [], prefixes: [], id: '' };
      },
    };
    let doubted = false;
    for (let tries = 0; tries < mostTries; tries += 1) {
      const node = pick(nodes, random) ?? '';
      const by = { client: who, node, clock, history };
      const { outcome } = await attempt(one, by, () => one.send(clientOf(node), { deadlineMs, bearer }));
      if (outcome === 'ok') return request;
      if (outcome === 'refused') return undefined;
      doubted ||= outcome === 'unknown';
      if (signal.aborted && first === undefined) break;
      await clock.sleep(300 + 400 * random());
    }
    // What became of it is learnt when the faults are over.
    if (doubted)
      unknown.add(async () => void (await ask({ kind, who, send, ...(bearer && { bearer }) }, signal, request)));
    return undefined;
  }

  async function codeFor(address: string, signal: AbortSignal): Promise<Uint8Array | undefined> {
    const until = clock.monotonicMs() + mailWithinMs;
    while (clock.monotonicMs() < until && !signal.aborted) {
      for (const node of nodes) {
        const maildir = join(nodeDirectory(node), 'state', 'mail');
        const [text] = mailsTo(maildir, address);
        const code = text && /Code:\s+([A-Za-z0-9_-]{43})/.exec(text)?.[1];
        if (code) return Buffer.from(code, 'base64url');
      }
      await clock.sleep(200);
    }
    return undefined;
  }

  async function live(signal: AbortSignal): Promise<void> {
    const number = (people += 1);
    // Of nobody else: three letters, 26^3 for each digit.
    const callsign = `OE${number % 10}${letters(Math.floor(number / 10))}`;
    const [email, password] = [
      `${seed}-${number}@chaos.example`,
      `pass phrase ${seed} of number ${number} ${Math.floor(random() * 1e12)}`,
    ];
    keep(`password of person ${number}`, password);
    const rest = (): Promise<void> => clock.sleep(pauseMs * (0.5 + random()), signal).catch(() => undefined);
    const step = (kind: Kind, send: Step['send'], bearer?: string): Promise<string | undefined> =>
      ask({ kind, who: email, send, ...(bearer && { bearer }) }, signal);

    if (!(await step('sign-up', (change) => (c, o) => c.people.signUp({ change, callsign, email, password }, o))))
      return;
    const secret = await codeFor(email, signal);
    if (secret === undefined) return;
    keep(`code of person ${number}`, secret);
    if (!(await step('verify', (change) => (c, o) => c.people.verify({ change, secret }, o)))) return;
    await rest();
    if (!(await step('approve-user', (change) => (c, o) => c.people.approveUser({ change, user: email }, o)))) return;
    const own: Login[] = [];
    for (let round = 0; round < 4 && !signal.aborted; round += 1) {
      const { bearer, secretHash } = newSecret();
      keep(`login of person ${number}`, Buffer.from(bearer.slice('pop44_'.length), 'base64url'));
      const request = await step(
        'login',
        (change) => (c, o) => c.people.login({ change, name: email, password, secretHash }, o),
      );
      if (request === undefined) return;
      const login: Login = { bearer, request, ends: [] };
      logins.push(login);
      own.push(login);
      await rest();
      if (round % 2 === 0) continue;
      const logout = newRequest();
      login.ends.push(logout);
      await ask(
        { kind: 'logout', who: email, bearer, send: (change) => (c, o) => c.people.logout({ change }, o) },
        signal,
        logout,
      );
      await rest();
    }
    if (number % 2 === 0 || signal.aborted) return;
    const request = newRequest();
    for (const { ends } of own) ends.push(request);
    await ask(
      {
        kind: 'suspend-user',
        who: email,
        send: (change) => (c, o) => c.people.suspendUser({ change, user: email, reason }, o),
      },
      signal,
      request,
    );
    await rest();
    await step('reinstate-user', (change) => (c, o) => c.people.reinstateUser({ change, user: email }, o));
  }

  return {
    async run(signal) {
      await Promise.all(
        Array.from({ length: atOnce }, async () => {
          while (!signal.aborted) {
            await live(signal);
            await clock.sleep(pauseMs, signal).catch(() => undefined);
          }
        }),
      );
    },
    async finish(withinMs) {
      const deadline = clock.monotonicMs() + withinMs;
      await Promise.all([...unknown].map((learn) => learn()));
      const checkAt = async (node: string): Promise<void> => {
        for (const { bearer, request, ends } of logins)
          for (;;) {
            const good = await isGood(clientOf(node), bearer);
            if (good !== undefined) history.logins.push({ node, login: request, ends, good });
            if (good !== undefined || clock.monotonicMs() > deadline) break;
            await clock.sleep(100);
          }
      };
      await Promise.all(nodes.map(checkAt));
    },
    close: () => {},
  };
}

/** Undefined: the daemon does not say. */
const isGood = (client: Client, bearer: string): Promise<boolean | undefined> =>
  client.people.whoAmI({}, { deadlineMs, bearer }).then(
    () => true,
    (thrown: { readonly refusal?: { readonly refused: string }; readonly code?: string }) =>
      [thrown.refusal?.refused, thrown.code].includes('unauthenticated') ? false : undefined,
  );

function mailsTo(maildir: string, address: string): readonly string[] {
  try {
    return mailboxAt(maildir).to(address);
  } catch {
    // This node has sent none yet.
    return [];
  }
}

/** A number in letters, three of them. */
const letters = (number: number): string =>
  [26 ** 2, 26, 1].map((place) => String.fromCharCode(65 + (Math.floor(number / place) % 26))).join('');
