// Wires the verdicts on paths: mesh and BFD are heard, shares go to the reconciler, and what was found to the mesh.

import type { Clock } from '#internal/clock/clock.ts';
import { type PathEnds, pathsOf } from '#internal/desired/desired.ts';
import type { Log } from '#internal/log/log.ts';
import type { Snapshot } from '#internal/model/model.ts';
import type { FromDataplane } from '#internal/seam/seam.ts';
import { hearsBack, isHeard, type PathReport, type Status } from '#internal/status/status.ts';
import {
  type Evidence,
  judged,
  type Neighbour,
  noVerdicts,
  type Path,
  type Share,
  verdictOf,
} from '#internal/verdict/verdict.ts';
import { isDrained } from './drain.ts';

export interface VerdictParts {
  readonly nodeId: string;
  readonly status: Pick<Status, 'of' | 'update'>;
  readonly snapshot: () => Snapshot;
  readonly shares: (next: ReadonlyMap<string, Share>) => void;
  readonly clock: Clock;
  readonly log: Pick<Log, 'info'>;
}

export interface Verdicts {
  /** From the privileged half. */
  heard(message: FromDataplane): void;
  /** Nodes or interconnects changed. */
  changed(): void;
  /** Twice a second. */
  beat(): void;
  /** The privileged half is away. */
  lost(): void;
}

export function createVerdicts(parts: VerdictParts): Verdicts {
  const { nodeId, status, snapshot, shares, clock, log } = parts;
  let ends: readonly PathEnds[] | undefined;
  /** By link: whether it is up, and how often it was lost. */
  let links = new Map<string, readonly [up: boolean | undefined, downs: number]>();
  /** Somebody tells of them: one that is not among them was never up. */
  let watched = false;
  let verdicts = noVerdicts;
  let told: ReadonlyMap<string, Share> = new Map();

  /** A node that was never heard may be of a build that has no mesh, or not there yet: nothing is known of it. */
  function neighbourOf(id: string): Neighbour | undefined {
    const known = status.of(id);
    // What a drained one says, or that it is silent, is no reason for anything: it may be switched off.
    if (known?.lastHeard === undefined || isDrained(snapshot(), id)) return undefined;
    const now = clock.wall();
    const hearsUs = hearsBack(known, nodeId, now);
    // Where only beacons come, what it said last is of no moment that is known. One that hears us, and whose stream is
    // silent all the same, is as silent as one that hangs.
    if (!isHeard(known, now))
      return {
        heard: hearsUs === false,
        hearsUs: hearsUs !== false,
        rttMs: undefined,
        ...{ loopLagMs: 0, load: 0, notServing: false },
      };
    const { report, rttMs } = known;
    // One that does not tell whom it hears says nothing.
    return {
      heard: true,
      hearsUs: hearsUs !== false,
      rttMs,
      ...{ loopLagMs: report.loopLagMs, load: report.load, notServing: report.notServing },
    };
  }

  const evidenceOf = ({ link, nodeId: far }: PathEnds): Evidence => {
    const [up, downs] = links.get(link) ?? [watched ? false : undefined, 0];
    return { up, downs, neighbour: neighbourOf(far) };
  };

  const reportOf = ({ link, interconnectId, nodeId: far }: PathEnds, path: Path): PathReport => ({
    ...{ interconnectId, link, nodeId: far, up: links.get(link)?.[0] ?? false, verdict: verdictOf(path) },
    ...{ weight: path.share.weight, detour: path.share.detour, troubles: [...path.troubles] },
  });

  return {
    heard: (message) => {
      if (message.type !== 'links') return;
      watched = true;
      links = new Map(message.links.map(([link, up, downs]) => [link, [up, downs]]));
    },
    changed: () => {
      ends = undefined;
    },
    beat: () => {
      ends ??= pathsOf(snapshot(), nodeId);
      const evidence = new Map(ends.map((end) => [end.link, evidenceOf(end)]));
      const before = verdicts;
      verdicts = judged(verdicts, evidence, clock.monotonicMs());
      const paths = ends.flatMap((end) => {
        const path = verdicts.paths.get(end.link);
        return path === undefined ? [] : [reportOf(end, path)];
      });
      status.update({ paths });
      if (verdicts.changedMs === before.changedMs) return;
      const next = new Map([...verdicts.paths].map(([link, { share }]) => [link, share]));
      for (const [link, { weight, detour }] of next) {
        if (told.get(link)?.weight === weight && told.get(link)?.detour === detour) continue;
        const reasons = verdicts.paths.get(link)?.troubles.join(' ') ?? '';
        if (told.has(link) || weight < 16) log.info('path-share', { link, weight, detour, reasons });
      }
      told = next;
      shares(next);
    },
    lost: () => {
      watched = false;
      // What BIRD knows now is not known here, and it is no loss of theirs.
      links = new Map([...links].map(([link, [, downs]]) => [link, [undefined, downs]]));
    },
  };
}
