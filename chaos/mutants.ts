// Mutants: mistakes that are put into our own code, one at a time. The judge must find each by what it leads to.

import type { InvariantName } from './check/invariant.ts';
import type { LabFaultKind } from './lab-fault.ts';
import type { Mix } from './mutant-mixes.ts';
import { apart, freshSlabs, sameAddresses, underWarden } from './mutant-mixes.ts';
import type { Patch } from './patch.ts';
import { idOf } from './pools.ts';
import type { RunOptions } from './run.ts';
import type { Scenario } from './scenario.ts';

export interface Mutant extends Patch {
  readonly why: string;
  /** One of these must be broken. */
  readonly breaks: readonly InvariantName[];
  readonly seconds: number;
  /** What provokes it. */
  readonly options: Pick<RunOptions, 'freezes' | 'tunnelling'> & {
    readonly kinds: Scenario['faults'];
    /** On a lab, whose faults these are, instead of a cluster. */
    readonly lab?: readonly LabFaultKind[];
    /** Default: allocate alone. */
    readonly parts?: Scenario['traffic'];
    readonly traffic?: NonNullable<RunOptions['allocating']> & { readonly mix?: Mix };
  };
}

/** While daemons do not reach each other, each allocates for itself: only the transaction stands between them. */
const everyDaemonForItself = { kinds: ['cut-mesh'] } as const;

export const mutants = {
  'no-fence': {
    file: 'internal/store/transaction.ts',
    find: "compares.set(fence.key, { target: 'create', key: fence.key, revision: fence.createRevision });",
    replace: '',
    why: 'a leader that lost its lease while it stood still commits what it had chosen',
    breaks: ['fence'],
    seconds: 34,
    options: {
      kinds: ['daemon-freeze'],
      freezes: { points: ['boarded', 'sending', 'linked'], pauseMs: [200, 400] },
      // Asked again too early, a request is carried out elsewhere, and its operation stops the old leader as well.
      traffic: { mix: apart, leaderOf: idOf('wide'), againAfterMs: 20_000, perSecond: 12 },
    },
  },
  'no-slab-compare': {
    file: 'internal/command/allocation.ts',
    find: "draft.read('slab', choice.slabId, { revision: choice.slabRevision });",
    replace: '',
    why: 'two daemons cut one slab into units of two sizes, which overlap though their keys differ',
    breaks: ['slab-unit', 'no-overlap', 'in-pool'],
    seconds: 20,
    options: { ...everyDaemonForItself, traffic: { mix: freshSlabs } },
  },
  'no-allocation-compare': {
    file: 'internal/command/allocation.ts',
    find: "draft.read('allocation', choice.allocationId, { revision: choice.allocationRevision });",
    replace: '',
    why: 'two daemons give one address to two owners',
    breaks: ['no-overlap'],
    seconds: 20,
    options: { ...everyDaemonForItself, traffic: { mix: sameAddresses } },
  },
  'no-pool-compare': {
    file: 'internal/command/allocation.ts',
    find: "draft.read('pool', pool.record.id, pool);",
    replace: '',
    why: 'a pool gives what was reserved, or at all when it was frozen, a moment before',
    breaks: ['frozen', 'reserved'],
    seconds: 20,
    options: { ...everyDaemonForItself, traffic: { mix: underWarden, wardenPerSecond: 30 } },
  },
  'resume-from-header': {
    file: 'internal/etcd/watch-session.ts',
    find: "yield { is: 'created' };",
    replace: "yield { is: 'created' }; yield { is: 'progress', revision: BigInt(response.header.revision) };",
    why: 'a watch that is opened again goes on from what the store is at, not from what was seen',
    breaks: ['daemon-map'],
    seconds: 20,
    options: { kinds: ['cut-client'] },
  },
  'blind-retry': {
    file: 'internal/store/item.ts',
    find: "compares.set(key, { target: 'create', key, revision: 0n });",
    replace: '',
    why: 'a request whose answer was lost is carried out again',
    breaks: ['at-most-once'],
    seconds: 20,
    options: { kinds: ['daemon-kill'] },
  },
  'early-sweep': {
    file: 'internal/command/sweep.ts',
    find: 'timestampMs(record.quarantinedUntil) > now.getTime()',
    replace: 'timestampMs(record.quarantinedUntil) > now.getTime() + 4_000',
    why: 'a released prefix is free for others before its time',
    breaks: ['quarantine'],
    seconds: 12,
    options: { kinds: ['lease-revoked'] },
  },
  'doubt-told-as-unavailable': {
    file: 'internal/submit/doubt.ts',
    find: 'if (ambiguous) return pending(requestId, thrown);',
    replace: '',
    why: 'a caller is told that nothing was done when nobody knows, and never asks again',
    breaks: ['no-effect'],
    seconds: 30,
    // Answers of etcd get lost in several ways: a plan of toxics alone may hit daemons that nobody asks just then.
    options: { kinds: ['cut-client', 'cut-in', 'toxic-timeout', 'toxic-reset'] },
  },
  'conflict-told-as-done': {
    file: 'internal/store/commit.ts',
    find: 'const { succeeded, revision } = answer;',
    replace: 'const { revision } = answer; const succeeded = true;',
    why: 'a caller is told that it has an address when its transaction was turned down',
    breaks: ['never-lost'],
    seconds: 20,
    options: { ...everyDaemonForItself, traffic: { mix: freshSlabs } },
  },
  'suspended-goes-on': {
    file: 'internal/desired/tunnel.ts',
    find: 'tunnel.suspension === undefined &&',
    replace: '',
    why: 'nodes go on with a tunnel that was suspended',
    breaks: ['peers'],
    seconds: 14,
    options: { kinds: ['lease-revoked'], parts: ['moves', 'tunnels'] },
  },
  'lost-update': {
    file: 'internal/command/update-tunnel.ts',
    find: "draft.read('tunnel', tunnel.id, stored);",
    replace: '',
    why: 'a change of a tunnel that was decided on what is past puts back what another has changed',
    breaks: ['tunnel-life'],
    seconds: 14,
    options: { kinds: ['cut-client'], parts: ['tunnels'], tunnelling: { perSecond: 60, mostTunnels: 3 } },
  },
  'deaf-presence': {
    file: 'internal/presence/presence.ts',
    find: 'if (known === undefined || outranks(claim, known)) {',
    replace: 'if (known === undefined) {',
    why: 'a node believes for ever what it heard first of where a tunnel is',
    breaks: ['one-holder'],
    seconds: 14,
    options: { kinds: ['lease-revoked'], parts: ['moves', 'tunnels'] },
  },
  'endless-login': {
    file: 'internal/people/logins.ts',
    find: "  draft.remove('login', hash);\n  return",
    replace: '  return',
    why: 'who logs out stays logged in',
    breaks: ['login'],
    seconds: 24,
    options: { kinds: ['lease-revoked'], parts: ['people', 'tunnels'] },
  },
  'told-password': {
    file: 'internal/api/people-service.ts',
    find: '    signUp: async (request, call) => {',
    replace: "    signUp: async (request, call) => { process.stderr.write(JSON.stringify(request.password) + '\\n');",
    why: 'a daemon writes what it was told into its log',
    breaks: ['no-secret'],
    seconds: 14,
    options: { kinds: ['lease-revoked'], parts: ['people', 'tunnels'] },
  },
  'older-answers': {
    file: 'internal/api/service.ts',
    find: 'revision: head.snapshot().revision, stale',
    replace: 'revision: head.snapshot().revision - BigInt(Math.floor(Math.random() * 50)), stale',
    why: 'a daemon says that it is at an older revision than it has been',
    breaks: ['forward'],
    seconds: 12,
    options: { kinds: ['lease-revoked'], parts: ['tunnels'] },
  },
  'timers-left': {
    file: 'internal/submit/carry-out.ts',
    find: 'const decided = submission.decide(',
    replace: 'setInterval(() => {}, 60_000); const decided = submission.decide(',
    why: 'each request leaves a timer behind',
    breaks: ['bounded'],
    seconds: 14,
    options: { kinds: ['lease-revoked'] },
  },
  'files-left': {
    file: 'internal/submit/carry-out.ts',
    find: 'const decided = submission.decide(',
    replace: "process.getBuiltinModule('node:fs').openSync('/dev/null', 'r'); const decided = submission.decide(",
    why: 'each request leaves a file open',
    breaks: ['bounded'],
    seconds: 14,
    options: { kinds: ['lease-revoked'] },
  },
  'memory-left': {
    file: 'internal/submit/carry-out.ts',
    find: 'const decided = submission.decide(',
    replace: '(globalThis.left ??= []).push(Buffer.alloc(200_000, 1)); const decided = submission.decide(',
    why: 'each request leaves memory behind',
    breaks: ['bounded'],
    seconds: 20,
    options: { kinds: ['lease-revoked'] },
  },
  'told-as-fresh': {
    file: 'internal/api/service.ts',
    find: 'stale: !store.contact().connected',
    replace: 'stale: false',
    why: 'a daemon that does not hear from its store says that what it shows is new',
    breaks: ['away'],
    seconds: 36,
    options: { kinds: [], lab: ['quorum-away'] },
  },
  'clean-start': {
    file: 'internal/applier/applier.ts',
    find: 'await apply(plan(want, found, fixedKeys()));',
    replace: 'await apply(plan(want, found, undefined));',
    why: 'a privileged half that begins anew takes away all that it has not been told of yet',
    breaks: ['untouched'],
    seconds: 16,
    options: { kinds: [], lab: ['half-killed'] },
  },
  'peers-stay': {
    file: 'internal/applier/applier.ts',
    find: 'else if (stays === undefined) want[kind].delete(key);',
    replace: "else if (stays === undefined) kind === 'peer' || want[kind].delete(key);",
    why: 'a tunnel that is gone from the records goes on at its node',
    breaks: ['data-plane'],
    seconds: 16,
    options: { kinds: [], lab: ['packets-lost'] },
  },
} as const satisfies Readonly<Record<string, Mutant>>;

export type MutantName = keyof typeof mutants;
