// Desk service: what the abuse desk asks and does.

import { timestampMs } from '@bufbuild/protobuf/wkt';
import {
  createBlackhole,
  deleteBlackhole,
  placesOf,
  suspendTunnel,
  unsuspendTunnel,
  whois,
} from '#internal/command/command.ts';
import { Fault, type Refusal, refuse } from '#internal/errors/errors.ts';
import type { Holding } from '#internal/gen/pop44/store/v1/records_pb.ts';
import { DeskService, type WhoisRequest } from '#internal/gen/pop44/v1/desk_pb.ts';
import {
  addressBits,
  familyOf,
  firstAddress,
  hostPrefix,
  type IpAddress,
  parseAddress,
  parsePrefix,
  supernet,
} from '#internal/netip/netip.ts';
import { listed } from './pages.ts';
import type { HandlersOf, ServiceContext } from './service.ts';
import { changing, freshness, granted } from './service.ts';

/** The shortest prefix that a pool grows to (model/ids.ts): nothing wider is ever held. */
const shortest = { 4: 8, 6: 20 } as const;

export function deskHandlers(context: ServiceContext): HandlersOf<typeof DeskService> {
  const { head, clock } = context;
  const { method } = DeskService;
  return {
    suspendTunnel: changing(context, method.suspendTunnel, suspendTunnel),
    unsuspendTunnel: changing(context, method.unsuspendTunnel, unsuspendTunnel),
    createBlackhole: changing(context, method.createBlackhole, createBlackhole),
    deleteBlackhole: changing(context, method.deleteBlackhole, deleteBlackhole),
    listBlackholes: async () => ({
      blackholes: listed(head.snapshot().blackholes).map(({ record }) => record),
      freshness: freshness(context),
    }),
    whois: async (request, { signal }) => {
      const address = granted(askedAddress(request.address));
      const now = clock.wall();
      const at = granted(askedTime(request, now));
      const snapshot = await newest(context, signal, request.at !== undefined);
      const holdings = await historyOf(context, address, request.at !== undefined);
      const answer = whois(snapshot, placesOf(snapshot, address), holdings, at);
      return { address, ...answer, whose: [...answer.whose], freshness: freshness(context) };
    },
  };
}

function askedAddress(text: string): IpAddress | Refusal {
  const cure = 'an address like 44.31.0.7 or 2001:db8::7, or a prefix';
  if (text === '') return refuse('required', { field: 'address', problem: 'is missing', cure });
  const address = parseAddress(text);
  if (typeof address === 'string') return address;
  const prefix = text.includes('/') ? parsePrefix(text) : undefined;
  if (typeof prefix === 'string') return firstAddress(prefix);
  const { problem } = prefix ?? address;
  return refuse('invalid', { field: 'address', value: text, problem, cure: prefix?.cure ?? cure });
}

function askedTime({ at }: WhoisRequest, now: Date): Date | Refusal {
  if (at === undefined) return now;
  const invalid = (problem: string, cure: string): Refusal =>
    refuse('invalid', { field: 'at', value: String(at.seconds), problem, cure });
  // What Date can hold and this network can have seen.
  if (at.seconds < 0n || at.seconds > 253_402_300_799n || at.nanos < 0 || at.nanos >= 1e9) {
    return invalid('is no time', 'a time since 1970');
  }
  return timestampMs(at) > now.getTime() ? invalid('is yet to come', 'a time that is past') : new Date(timestampMs(at));
}

/** Of now the last good snapshot will do; what was a moment ago has to be in it. */
async function newest(context: ServiceContext, signal: AbortSignal, must: boolean) {
  try {
    return await context.latest(signal);
  } catch (thrown) {
    if (must || !(thrown instanceof Fault) || thrown.code !== 'unavailable') throw thrown;
    return context.head.snapshot();
  }
}

/** @throws Fault `unavailable` when the past is asked for and cannot be read */
async function historyOf({ store }: ServiceContext, address: IpAddress, must: boolean): Promise<readonly Holding[]> {
  const [family, host] = [familyOf(address), hostPrefix(address)];
  const lengths = Array.from({ length: addressBits(family) - shortest[family] + 1 }, (_, n) => shortest[family] + n);
  try {
    return await store.readHeld(lengths.map((length) => supernet(host, length)));
  } catch (thrown) {
    if (!must) return [];
    throw new Fault('unavailable', 'the past cannot be read just now; try again in a second', thrown);
  }
}
