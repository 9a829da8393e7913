// Answers: the questions of the network half that the privileged half looks up and answers once.

import { type AnyDriver, lookUp } from '#internal/applier/applier.ts';
import type { BirdDriver } from '#internal/driver/bird/bird.ts';
import type { IpDriver } from '#internal/driver/ip/ip.ts';
import type { NftDriver } from '#internal/driver/nft/nft.ts';
import type { Ping } from '#internal/driver/ping/ping.ts';
import type { WgDriver } from '#internal/driver/wg/wg.ts';
import { messageOf } from '#internal/errors/errors.ts';
import type {
  AskContact,
  AskDenials,
  AskEcho,
  AskFacts,
  AskSessions,
  Echo,
  Facts,
  FromDataplane,
  FromNetwork,
} from '#internal/seam/seam.ts';
import { accessTelemetry, receivedFrom } from './telemetry.ts';

export interface AnswerParts {
  readonly drivers: readonly AnyDriver[];
  readonly wg: WgDriver;
  readonly ip: Pick<IpDriver, 'way'>;
  readonly nft: Pick<NftDriver, 'denials'>;
  readonly bird: Pick<BirdDriver, 'standing'>;
  readonly ping: Ping;
}

async function factsFor({ drivers, ip, wg }: AnswerParts, { number, keys, to }: AskFacts): Promise<Facts> {
  const [items, way, telemetry] = await Promise.all([lookUp(drivers, keys), ip.way(to), accessTelemetry(wg)]);
  const asked = new Set(keys.flatMap(([kind, key]) => (kind === 'peer' ? [key] : [])));
  const sessions = telemetry
    .filter(({ peer }) => asked.has(peer))
    .map(({ publicKey, lastHandshakeMs, endpoint }) => ({
      publicKey,
      handshakeMs: lastHandshakeMs,
      endpoint: endpoint ?? '',
    }));
  return { type: 'facts', number, items, way, sessions };
}

/** That it could not be asked is an answer: a person waits for it. */
async function echoFor({ ping }: AnswerParts, { number, netns, address, from }: AskEcho): Promise<Echo> {
  try {
    const rttMs = await ping.echo(netns, address, from);
    return { type: 'echo', number, problem: '', ...(rttMs !== undefined && { rttMs }) };
  } catch (thrown) {
    return { type: 'echo', number, problem: messageOf(thrown) };
  }
}

type Question = AskContact | AskDenials | AskEcho | AskFacts | AskSessions;
const questions: ReadonlySet<string> = new Set<Question['type']>([
  ...(['ask-contact', 'ask-denials', 'ask-echo', 'ask-facts', 'ask-sessions'] as const),
]);

export const isQuestion = (message: FromNetwork): message is Question => questions.has(message.type);

/** Rejects when what was asked cannot be read. */
export async function answerTo(parts: AnswerParts, question: Question): Promise<FromDataplane> {
  const { number } = question;
  switch (question.type) {
    case 'ask-denials':
      return { type: 'denials', number, denied: await parts.nft.denials(question.prefixes) };
    case 'ask-sessions':
      return { type: 'sessions', number, established: await parts.bird.standing('pop') };
    case 'ask-contact':
      return { type: 'contact', number, peers: await receivedFrom(parts.wg, question.peers) };
    case 'ask-facts':
      return factsFor(parts, question);
    case 'ask-echo':
      return echoFor(parts, question);
  }
}
