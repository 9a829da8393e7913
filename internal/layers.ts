// Layers: which package may import which, and the other rules of the house that only the sources as a whole show.
//
// A package may import those on its own floor and below, never one above; packages of one floor make no loop.
// Pure: answers a list of sentences from paths and texts; layers.test.ts reads the tree.

/** Where a package stands, and why there. To add a package, add a row; to move one, say why it stands there now. */
export interface Row {
  readonly floor: number;
  /** Imports no `node:` module; time, randomness and identity are arguments. */
  readonly pure?: true;
  /** Why this floor. Printed when an import breaks it. */
  readonly why: string;
}

const row = (floor: number, why: string): Row => ({ floor, why });
const pure = (floor: number, why: string): Row => ({ floor, pure: true, why });

export const table: ReadonlyMap<string, Row> = new Map([
  ['internal/netip', pure(1, 'addresses know nothing of us')],
  ['internal/errors', pure(1, 'everybody refuses and fails in the same words')],
  ['internal/clock', row(1, 'the one reader of time')],
  ['internal/files', row(1, 'a file replaced whole; knows nothing of what is in it')],
  ['internal/log', row(1, 'everybody may log')],
  ['internal/gen', row(1, 'generated from proto')],
  ['internal/age', pure(1, 'a text format; knows no secret')],
  ['internal/x25519', row(1, 'bytes and objects of a key; knows no file')],
  ['internal/model', pure(2, 'records and their fold; knows nobody who reads them')],
  ['internal/dataplane', pure(2, 'the one value that wanted and found share')],
  ['internal/config', row(2, 'a file parsed; what it means is for the others')],
  ['internal/knock', row(2, 'one TCP connection; knows nobody who asks')],
  ['internal/exec', row(2, 'starts processes for whoever asks')],
  ['internal/etcd', row(2, 'speaks to etcd; knows no record')],
  ['internal/identity', row(2, 'certificates; knows no call')],
  ['internal/keyfile', row(3, 'key pairs on the disk of their node; knows nobody who uses them')],
  ['internal/acme', row(3, 'a certificate of another CA; knows nobody who listens with it')],
  ['internal/sealing', row(2, 'opens and seals; knows no record')],
  ['internal/password', row(2, 'text and its hash; knows no account')],
  ['internal/rpc', row(2, 'glue between schema and gRPC; knows no service')],
  ['internal/firewall', pure(2, 'what a policy means; knows neither tunnels nor nftables')],
  ['internal/clientfile', pure(2, 'text out of a template; knows nobody who hands it over')],
  ['internal/client', row(2, 'how CLI, lab and suites reach the API; never the other side of it')],
  ['internal/allocator', pure(3, 'a choice out of the model')],
  ['internal/desired', pure(3, 'what the model means for one node')],
  ['internal/verdict', pure(3, 'what a path is worth, out of facts; does not know how they are come by')],
  ['internal/takeover', pure(3, 'a role out of facts; does not know how either is come by')],
  ['internal/plan', pure(3, 'the difference of two dataplanes; does not know how a step is carried out')],
  ['internal/people', pure(3, 'accounts, logins, roles and their fold; does not know how they are kept or who calls')],
  ['internal/status', row(3, 'what was reached; told by those above')],
  ['internal/presence', row(3, 'where tunnels live; told by those above')],
  ['internal/anycast', pure(3, 'whose a datagram is, out of what nodes tell; told by those above')],
  ['internal/traffic', row(3, 'bytes of tunnels; told by those above')],
  ['internal/store', row(3, 'records in etcd')],
  ['internal/election', row(3, 'knows pools by their ids; what is done with a lead is for those above')],
  ['internal/seam', row(3, 'what the two halves of a node say to each other; both stand above it')],
  ['internal/command', pure(4, 'decides on a snapshot with the allocator')],
  ['internal/policy', pure(4, 'who may call what; does not know how a call comes in')],
  ['internal/explain', pure(4, 'walks one packet through a dataplane as desired words it')],
  ['internal/reach', pure(4, 'how far, and why not at all, out of facts; does not know how they are come by')],
  ['internal/driver', row(4, 'the face that all drivers share')],
  ['internal/driver/wg', row(4, 'carries out steps of the plan')],
  ['internal/driver/conntrack', row(4, 'ends what a plan has left behind; holds no kind of it')],
  ['internal/driver/conntrackd', row(4, 'carries out steps of the plan')],
  ['internal/driver/float', row(4, 'carries out steps of the plan')],
  ['internal/driver/relay', row(4, 'stands while sessions move; holds no kind of the plan')],
  ['internal/driver/anycast', row(4, 'carries out steps of the plan')],
  ['internal/driver/ping', row(4, 'asks for echoes; holds no kind of the plan')],
  ['internal/driver/ip', row(4, 'carries out steps of the plan')],
  ['internal/driver/nft', row(4, 'carries out steps of the plan')],
  ['internal/driver/tc', row(4, 'carries out steps of the plan')],
  ['internal/driver/bird', row(4, 'carries out steps of the plan')],
  ['internal/reconcile', row(4, 'the unprivileged half: snapshot to desired to status')],
  ['internal/duty', row(4, 'the role of a node in its PoP: facts from drivers, orders to drivers and applier')],
  ['internal/applier', row(4, 'the privileged half: observe, plan, apply')],
  ['internal/submit', row(5, 'command, store and status together make one answered request')],
  ['internal/leader', row(5, 'carries requests to the daemon that leads their pool')],
  ['internal/join', row(5, 'one request of the API, by another door')],
  ['internal/trust', row(5, 'keeps the certificate of a daemon fresh by asking others')],
  ['internal/rotation', row(5, 'decides with command, what the seam and the mesh tell; commits like submit')],
  ['internal/vouching', row(5, 'what daemons sign of the audit of others, and whether it stands; the API shows it')],
  ['internal/mail', row(5, 'sends what the records about people ask for')],
  ['internal/mesh', row(5, 'tells the status of this node to the others')],
  ['internal/metrics', row(5, 'shows what the packages below count')],
  ['internal/api', row(5, 'the outermost shell: translate, hand over, translate back')],
  ['internal/cli', row(5, 'an admin stands outside, as far as the API')],
  ['internal/testkit', row(6, 'fakes and labs for tests and benches; may use all of internal')],
  ['web', row(6, 'pages out of what the API answers; stands outside, as an admin does')],
  ['bench', row(7, 'measures from outside')],
  ['chaos', row(7, 'breaks and judges from outside')],
  ['cmd/lab', row(7, 'wiring only')],
  ['cmd/pop44', row(7, 'wiring only')],
  ['cmd/pop44d', row(7, 'wiring only')],
  ['cmd/pop44-web', row(7, 'wiring only')],
  ['cmd/run', row(7, 'the toolchain of this repository')],
]);

/** Files beside the face that others may import: small files that would drag a whole package in otherwise. */
const sideDoors: readonly RegExp[] = [
  /^internal\/dataplane\/ownership\.ts$/,
  /^internal\/plan\/step\.ts$/,
  /^internal\/model\/record\.ts$/,
  // The privileged half wants no more of desired than this, and no records.
  /^internal\/desired\/mesh\.ts$/,
  // Knows no more than records and openers; the rest of its package is a daemon's.
  /^internal\/rotation\/sealed-to\.ts$/,
  /^internal\/gen\//,
  // Every file of the testkit is a tool of its own.
  /^internal\/testkit\//,
];

/** Who may take fakes and labs, besides tests. */
const testkitUsers: ReadonlySet<string> = new Set(['bench', 'chaos', 'cmd/lab', 'internal/testkit']);

const mostLines = 400;
const testName = /^[a-z0-9-]+(\.(slow|etcd|netns|kernel|browser))?\.test\.ts$/;
const sourceName = /^[a-z0-9-]+(\.config)?\.(ts|mjs)$/;

const isTest = (path: string): boolean => path.endsWith('.test.ts');
const base = (path: string): string => path.slice(path.lastIndexOf('/') + 1);
const folder = (path: string): string => path.slice(0, path.lastIndexOf('/'));

/** Packages that are not below another folder. */
const topFolders: ReadonlySet<string> = new Set(['bench', 'chaos', 'web']);

/** The row that a path belongs to: the longest that holds it. */
export function packageOf(path: string): string | undefined {
  for (let at = folder(path); at.includes('/') || topFolders.has(at); at = folder(at)) if (table.has(at)) return at;
  return undefined;
}

/** The file that others import: it bears the folder's name; a command's is main.ts. */
export function faceOf(name: string): string {
  if (name === 'cmd/run') return 'cmd/run/run.mjs';
  if (name === 'web') return 'web/web.ts';
  if (name.startsWith('cmd/') || topFolders.has(name)) return `${name}/main.ts`;
  return `${name}/${base(name)}.ts`;
}

export interface Edge {
  readonly from: string;
  /** As written. */
  readonly specifier: string;
  /** Path in the tree, or undefined for packages and `node:`. */
  readonly to: string | undefined;
}

// Formatted sources: one statement begins at the start of a line and ends with a semicolon.
const statements = /^(?:import|export)\s(?:[^;']*?\sfrom\s+)?'([^']+)'/gm;
const dynamic = /\bimport\('([^'$]+)'\)/g;

function resolved(from: string, specifier: string): string | undefined {
  if (/^#(internal|web)\//.test(specifier)) return specifier.slice(1);
  if (!specifier.startsWith('.')) return undefined;
  const parts = folder(from).split('/');
  for (const part of specifier.split('/')) {
    if (part === '..') parts.pop();
    else if (part !== '.') parts.push(part);
  }
  return parts.join('/');
}

/** Every import of a file, of types too: an arrow is an arrow. */
export function edgesOf(from: string, text: string): readonly Edge[] {
  const found = [...text.matchAll(statements), ...text.matchAll(dynamic)];
  return found.map(([, specifier = '']) => ({ from, specifier, to: resolved(from, specifier) }));
}

function aboutImport(edge: Edge, files: ReadonlyMap<string, string>): string | undefined {
  const { from, specifier, to } = edge;
  const here = packageOf(from);
  const rowHere = here === undefined ? undefined : table.get(here);
  if (here === undefined || rowHere === undefined) return undefined;
  const says = (problem: string): string => `${from}: imports ${specifier}: ${problem}`;
  if (to === undefined) {
    return rowHere.pure === true && !isTest(from) && specifier.startsWith('node:')
      ? says(`${here} is pure; take what it gives as an argument`)
      : undefined;
  }
  if (!files.has(to)) return says('there is no such file');
  const there = packageOf(to);
  const rowThere = there === undefined ? undefined : table.get(there);
  if (there === undefined || rowThere === undefined) return says('that is in no package of the table in layers.ts');
  if (there === here) return specifier.startsWith('#') ? says('inside a package imports are relative') : undefined;
  if (!specifier.startsWith('#')) return says('across packages write #internal/<package>/<package>.ts, or #web/web.ts');
  if (to !== faceOf(there) && !sideDoors.some((door) => door.test(to))) {
    return says(`past the face; import ${faceOf(there)}, or export from there what you need`);
  }
  if (there === 'internal/testkit') {
    return isTest(from) || testkitUsers.has(here) ? undefined : says('only tests, benches and the lab use it');
  }
  if (/^internal\/driver\/./.test(here) && /^internal\/driver\/./.test(there)) {
    return says('drivers do not know each other; the order between mechanisms is in plan/order.ts');
  }
  if (rowThere.floor <= rowHere.floor) return undefined;
  const floors = `floor ${rowHere.floor} (${rowHere.why}) must not know floor ${rowThere.floor} (${rowThere.why})`;
  return says(`an arrow upward: ${floors}`);
}

/** Packages that import each other in a circle, tests aside: `a -> b -> a`. */
function loops(edges: readonly Edge[]): readonly string[] {
  const next = new Map<string, Set<string>>();
  for (const { from, to } of edges) {
    const [here, there] = [packageOf(from), to === undefined ? undefined : packageOf(to)];
    if (isTest(from) || here === undefined || there === undefined || here === there) continue;
    next.set(here, (next.get(here) ?? new Set()).add(there));
  }
  const done = new Set<string>();
  const found: string[] = [];
  const visit = (at: string, path: readonly string[]): void => {
    const begin = path.indexOf(at);
    if (begin >= 0) found.push(`a loop of packages: ${[...path.slice(begin), at].join(' -> ')}`);
    if (begin >= 0 || done.has(at)) return;
    for (const to of next.get(at) ?? []) visit(to, [...path, at]);
    done.add(at);
  };
  for (const at of [...next.keys()].sort()) visit(at, []);
  return found;
}

function aboutFile(path: string, text: string): readonly string[] {
  const problems: string[] = [];
  const here = packageOf(path);
  const lines = text.split('\n').length - 1;
  if (lines > mostLines) problems.push(`${path}: ${lines} lines; find the second thing in it and give it a file`);
  if (!(path.includes('.test.') ? testName : sourceName).test(base(path))) {
    problems.push(
      `${path}: kebab-case.ts; tests end in .test.ts, .slow.test.ts, .etcd.test.ts, .netns.test.ts or .kernel.test.ts`,
    );
  }
  if (base(path) === 'index.ts') problems.push(`${path}: a face bears its folder's name`);
  if (here === undefined && folder(path) !== 'internal') problems.push(`${path}: no row in the table of layers.ts`);
  if (here !== undefined && table.get(here)?.pure === true && !isTest(path) && /\bnew Date\(\)/.test(text)) {
    problems.push(`${path}: new Date() reads the clock; a pure package takes the time as an argument`);
  }
  return problems;
}

function aboutPackage(name: string, files: ReadonlyMap<string, string>): string | undefined {
  // Generated files and the testkit have no face.
  if (name === 'internal/gen' || name === 'internal/testkit') {
    return [...files.keys()].some((path) => path.startsWith(`${name}/`))
      ? undefined
      : `${name}: a row without a package`;
  }
  const face = faceOf(name);
  const text = files.get(face);
  if (text === undefined) {
    const there = [...files.keys()].some((path) => packageOf(path) === name);
    return there ? `${face}: the face of the package is missing` : `${name}: a row without a package`;
  }
  const comment = /^(?:#!.*\n)?((?:\/\/.*\n)+)/.exec(text)?.[1]?.trimEnd().split('\n').length ?? 0;
  // A doorstep only wires: a line tells what it is.
  const least = face.endsWith('/main.ts') ? 1 : 3;
  return comment >= least && comment <= 8
    ? undefined
    : `${face}: begins with a comment of 3 to 8 lines: what this is, where on the path, what it never does`;
}

/** Every broken rule, one sentence each, sorted. `files`: path from the root -> text, of all sources. */
export function violations(files: ReadonlyMap<string, string>): readonly string[] {
  const own = [...files].filter(([path]) => !path.startsWith('internal/gen/'));
  const edges = own.flatMap(([path, text]) => edgesOf(path, text));
  const found = [
    ...edges.map((edge) => aboutImport(edge, files)),
    ...loops(edges),
    ...own.flatMap(([path, text]) => aboutFile(path, text)),
    ...[...table.keys()].map((name) => aboutPackage(name, files)),
  ];
  return found.filter((problem) => problem !== undefined).sort();
}
