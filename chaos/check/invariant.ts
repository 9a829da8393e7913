// Invariant: one thing that must always be so, how often it was looked at, and where it was not.

/** Of allocations, and of whatever is written. */
const ofWrites = {
  witness: 'The witness missed nothing: every revision is in its log, and a fresh list equals it.',
  'one-effect': 'An acknowledged request has exactly one effect, at the revision of its answer.',
  'no-effect': 'What was refused or certainly not done left no trace, and nothing was done that nobody asked for.',
  'at-most-once': 'No request, whatever its caller heard, was carried out twice.',
  'first-answer': 'A repeat of a request gives its first answer.',
  resolved: 'What was unknown is known within 30 s of healing, by repeating the request.',
  'no-overlap': 'No two live holders of overlapping space, whatever the unit sizes.',
  'in-pool': 'Nothing is given outside its pool, its slab, or a pool that does not exist.',
  'slab-unit': 'A slab has one unit size for as long as anything in it is in use.',
  quarantine: 'A released prefix comes back to nobody but its owner before its time.',
  reserved: 'Reserved space is given to nobody but whom it is reserved for.',
  frozen: 'A frozen pool gives nothing.',
  delegation: 'A delegated pool stands on a block that its parent gave to it alone.',
  tunnel: 'A tunnel holds exactly the prefixes that name it.',
  'never-lost': 'An acknowledged allocation stays until its owner releases it.',
  'real-time': 'A request that began after another was answered has a later revision.',
  fence: 'What a leader committed was committed while its election key existed with that revision.',
  'audit-chain': 'The chains of audit records are whole: numbers, hashes, nothing rewritten.',
  'audit-complete': 'Every transaction that changed a record has one audit record, which names every change.',
  'daemon-map': 'What a daemon shows at a revision is what etcd held at that revision.',
} as const;

/** Of other traffic than allocations, and of the daemons themselves. */
export const ofParts = {
  forward: 'A daemon never goes back to an older revision while its process lives.',
  watch: 'Who follows the store is handed every change once, in order, and after a break all that stands.',
  peers: 'What a node tells its privileged half to hold is, at every revision, what the records of that revision say.',
  'tunnel-life': 'A tunnel changes by nothing but what was asked for it, and no change undoes another.',
  'one-holder': 'In the end every daemon says that a tunnel is where its station is.',
  login: 'A login that was granted is good until it is ended, and not afterwards, at every daemon.',
  'no-secret': 'No secret stands in a log, in an answer that was kept, or in etcd.',
  away: 'Without a majority of etcd nobody is told that a write was done, or waits long, or takes what is old for new.',
  untouched: 'No packet is lost to what carries none, or to nothing.',
  'data-plane': 'When everything has come to rest, each node holds what the records say.',
  bounded: 'Memory, open files and timers of a daemon do not grow with the faults.',
} as const;

/** What is checked, by name, with the sentence that people read. */
export const sentences = { ...ofWrites, ...ofParts } as const;

export type InvariantName = keyof typeof sentences;

/** As in a report. */
export interface Verdict {
  readonly name: string;
  readonly checks: number;
  readonly violations: number;
  /** The first of the violations. */
  readonly evidence: readonly string[];
}

const mostEvidence = 20;

export interface Court {
  /** One look; `evidence` is only asked for when it does not hold. */
  check(name: InvariantName, holds: boolean, evidence: () => string): void;
  verdicts(): readonly Verdict[];
}

export function openCourt(): Court {
  const names = Object.keys(sentences) as InvariantName[];
  const found = new Map(names.map((name) => [name, { checks: 0, violations: 0, evidence: [] as string[] }]));
  return {
    check(name, holds, evidence) {
      const row = found.get(name);
      if (row === undefined) throw new RangeError(`no invariant ${name}`);
      row.checks += 1;
      if (holds) return;
      row.violations += 1;
      if (row.evidence.length < mostEvidence) row.evidence.push(evidence());
    },
    verdicts: () => [...found].map(([name, row]) => ({ name, ...row })),
  };
}
