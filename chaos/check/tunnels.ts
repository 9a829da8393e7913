// Tunnels: a tunnel's record changes by nothing but what was asked for it, and by all of that.

import type { Tunnel } from '#internal/gen/pop44/store/v1/records_pb.ts';
import type { Attempt, TunnelFields } from '../history.ts';
import type { Court } from './invariant.ts';
import type { Judge } from './replay.ts';

/** Fields that requests change, as text. */
const fieldsOf = (record: Tunnel): TunnelFields => ({
  enabled: String(record.enabled),
  mtu: String(record.mtu),
  keepaliveSeconds: String(record.keepaliveSeconds),
  name: record.name,
  publicKey: record.publicKey,
  nextPublicKey: record.nextPublicKey,
  suspension: record.suspension?.reason ?? '',
  owner: record.owner,
  prefixes: record.prefixes.map(({ prefix }) => prefix).join(' '),
  popIds: (record.placement?.popIds ?? []).join(' '),
});

/** Of a change by a handshake: the next key has become the key. */
const isPromotion = (before: TunnelFields, after: TunnelFields): boolean =>
  before['nextPublicKey'] !== '' && after['publicKey'] === before['nextPublicKey'] && after['nextPublicKey'] === '';

/** `ours`: principals whose requests all stand in the history. */
export function judgeTunnels(court: Court, attempts: readonly Attempt[], ours: ReadonlySet<string>): Judge {
  const sets = new Map(attempts.flatMap(({ request, sets: of }) => (of === undefined ? [] : [[request, of] as const])));
  const takes = new Map(attempts.map(({ request, takes: keys }) => [request, keys]));
  let before = new Map<string, Tunnel>();
  return {
    before(state, { records }) {
      before = new Map();
      for (const { kind, id } of records) {
        const record = kind === 'tunnel' ? state.of('tunnel').get(id)?.record : undefined;
        if (record !== undefined) before.set(id, record);
      }
    },
    after(state, { revision, causes }) {
      for (const [id, old] of before) {
        const cause = causes.get(`tunnel/${id}`);
        const now = state.of('tunnel').get(id)?.record;
        const request = cause !== undefined && ours.has(cause.principal) ? cause.requestId : undefined;
        const by = request ?? 'nobody of ours';
        if (now === undefined) {
          const asked = takes.get(request ?? '')?.includes(`tunnel/${id}`) === true;
          court.check('tunnel-life', asked, () => `revision ${revision}: tunnel ${id} was deleted by ${by}`);
          continue;
        }
        const [was, is] = [fieldsOf(old), fieldsOf(now)];
        const wanted = request === undefined ? undefined : sets.get(request);
        const wrong = Object.keys(is).find((field) => is[field] !== (wanted?.[field] ?? was[field]));
        const right = wrong === undefined || (request === undefined && isPromotion(was, is));
        court.check('tunnel-life', right, () => {
          const asked = wanted === undefined ? 'nothing' : JSON.stringify(wanted);
          const step = `${wrong} was "${was[wrong ?? '']}", is "${is[wrong ?? '']}"`;
          return `revision ${revision}: tunnel ${id} by ${by}, who asked for ${asked}: ${step}`;
        });
      }
    },
  };
}
