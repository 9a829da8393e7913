// Known authorities: the CAs that this node trusts follow the records, as far as those whom it trusts already have signed
// what stands there.

import type { Clock } from '#internal/clock/clock.ts';
import { messageOf } from '#internal/errors/errors.ts';
import { anchors, authorityId, shortId } from '#internal/identity/identity.ts';
import type { Log } from '#internal/log/log.ts';
import type { Snapshot } from '#internal/model/model.ts';
import type { Status } from '#internal/status/status.ts';
import type { KeptIdentity } from './kept-identity.ts';

export interface KnownAuthoritiesParts {
  readonly identity: KeptIdentity;
  readonly snapshot: () => Pick<Snapshot, 'authorities'>;
  readonly status: Pick<Status, 'update'>;
  readonly clock: Clock;
  readonly log: Log;
}

export interface KnownAuthorities {
  /** Looks at the records, at once. */
  look(): void;
  /** What a person has to know, a line each: as of the last look. Sorted. */
  alarms(): readonly string[];
  /** Looks each half minute too: a file that could not be written, a certificate that was in the way. Ends by its signal. */
  run(signal: AbortSignal): Promise<void>;
}

const againMs = 30_000;

const idsOf = (certificates: ReturnType<KeptIdentity['authorities']>): readonly string[] =>
  certificates.map(authorityId).sort();

export function createKnownAuthorities(parts: KnownAuthoritiesParts): KnownAuthorities {
  const { identity, status, clock, log } = parts;
  let alarms: readonly string[] = [];
  let looking: Promise<void> | undefined;
  let again = false;
  status.update({ trustedAuthorities: idsOf(identity.authorities()) });

  async function once(): Promise<void> {
    const held = identity.held();
    const records = [...parts.snapshot().authorities.values()].map(({ record }) => record);
    const { trusted, retired, doubts } = anchors(held, records, identity.signer(), clock.wall());
    const told = [...doubts];
    const [before, after] = [held.certificates, trusted].map(idsOf) as [readonly string[], readonly string[]];
    if (before.join(' ') !== after.join(' ') || retired.length > held.retired.size) {
      try {
        await identity.trust({ trusted, retired });
        status.update({ trustedAuthorities: after });
        log.info('authorities-changed', { before: before.map(shortId).join(' '), after: after.map(shortId).join(' ') });
      } catch (thrown) {
        told.push(`the CAs of the records are not in this node's file: ${messageOf(thrown)}`);
      }
    }
    for (const alarm of told) if (!alarms.includes(alarm)) log.error('authority-doubted', { alarm });
    alarms = told.sort();
  }

  function look(): void {
    again = true;
    looking ??= (async () => {
      while (again) {
        again = false;
        await once();
      }
      looking = undefined;
    })();
  }

  return {
    look,
    alarms: () => alarms,
    async run(signal) {
      while (!signal.aborted) {
        look();
        await looking;
        await clock.sleep(againMs, signal).catch(() => undefined);
      }
    },
  };
}
