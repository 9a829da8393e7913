// Bundle: the programs as they are run and installed: a directory of few files in the place of a thousand sources and
// packages, which start in half of the processor's time (internal/adr/0050).
//
// Named for the content of all that it is made from, so that what was edited is never run as it was before. Plain
// JavaScript, as it is made before anything else of a run.

import { createHash } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { basename, join, relative, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

/** What an installation has. */
const installed = {
  pop44: 'cmd/pop44/main.ts',
  pop44d: 'cmd/pop44d/main.ts',
  'pop44-web': 'cmd/pop44-web/main.ts',
};
/** And what raises a lab. */
const all = { ...installed, lab: 'cmd/lab/inside.ts' };

/** What is looked for in node_modules when it runs: both bring a program or a library of the machine's kind. */
const external = ['@node-rs/argon2', 'esbuild'];
/** Loaded late and by its names, of which CommonJS has none then but `default`: the same package as modules. */
const asModules = { '@peculiar/x509': '@peculiar/x509/build/x509.es.js' };
/** Files of packages that read others beside them. */
const placed = /\/node_modules\/(etcd3|@grpc\/grpc-js|pino|thread-stream)\/(lib\/|build\/src\/)?[a-z-]+\.js$/;

/** What would fail only when it runs. The exception is a text of @colors/colors. */
const lostPlace = /\b__(dirname|filename)\b(?! \+ '\/\.\.\/themes)/;

/** Milliseconds. Labs that were begun with older ones may start daemons from them, for so long. */
const keptMs = 2 * 86_400_000;
/** A new one begins with nothing compiled; what older ones have left is thrown away at so many bytes. */
const mostCompiledBytes = 256 * 1024 * 1024;

/** Paths of all sources from `tree`, sorted: what a bundle may hold, and a few that none does. */
const sourcesOf = (tree) =>
  ['cmd', 'internal', 'web']
    .flatMap((folder) => readdirSync(join(tree, folder), { recursive: true }).map((path) => join(folder, path)))
    .filter((path) => path.endsWith('.ts') && !path.endsWith('.test.ts'))
    .sort();

function readSources(tree) {
  const hash = createHash('sha256');
  /** Those whose own place matters: they read files or start programs beside them. */
  const own = [];
  for (const path of [...sourcesOf(tree), 'package.json', 'package-lock.json', 'cmd/run/bundle.mjs']) {
    const text = readFileSync(join(tree, path), 'utf8');
    hash.update(`${path}\0${text}\0`);
    if (path.endsWith('.ts') && text.includes('import.meta.url')) own.push(join(tree, path));
  }
  return { key: hash.digest('hex').slice(0, 16), own };
}

/** Leaves to every file the place that it has as a source, seen from the bundle, which may move with the tree. */
const places = (own, outdir) => ({
  name: 'places',
  setup(build) {
    // Every file that has one of these names, since a path may hold what means something in an expression.
    const names = [...new Set(own.map((path) => basename(path, '.ts')))].join('|');
    build.onLoad({ filter: new RegExp(`/(${names})\\.ts$`) }, ({ path }) => ({
      contents: readFileSync(path, 'utf8').replaceAll(
        'import.meta.url',
        `new URL(${JSON.stringify(relative(outdir, path))}, import.meta.url).href`,
      ),
      loader: 'ts',
    }));
    build.onLoad({ filter: placed }, ({ path }) => ({
      contents: readFileSync(path, 'utf8').replaceAll(
        '__dirname',
        `pop44Path(pop44Here, ${JSON.stringify(join(relative(outdir, path), '..'))})`,
      ),
      loader: 'js',
    }));
  },
});

/** An entry does nothing but this: maps are read of what is loaded after they were asked for. */
const entries = (tree) => ({
  name: 'entries',
  setup(build) {
    build.onResolve({ filter: /^start:/ }, ({ path }) => ({ path: join(tree, path.slice(6)), namespace: 'start' }));
    build.onLoad({ filter: /./, namespace: 'start' }, ({ path }) => ({
      contents: `#!/usr/bin/env node\nprocess.setSourceMapsEnabled(true);\nawait import(${JSON.stringify(path)});`,
      resolveDir: tree,
    }));
  },
});

/**
 * As a module Node's http reads all that it has, and with it loads a client of WebSocket that nobody here wants: 50 ms of
 * each start.
 */
const lateHttp = {
  name: 'late-http',
  setup(build) {
    build.onResolve({ filter: /^(node:)?http$/ }, ({ path }) => ({ path, namespace: 'late-http' }));
    build.onLoad({ filter: /./, namespace: 'late-http' }, () => ({
      contents: "module.exports = process.getBuiltinModule('node:http');",
    }));
  },
};

/** CommonJS in modules: what esbuild leaves of `require` are modules of Node's. */
const banner = `import { createRequire as pop44Require } from 'node:module';
import { resolve as pop44Path } from 'node:path';
const require = pop44Require(import.meta.url), pop44Here = import.meta.dirname;`;

/** Writes the bundle into `outdir`, which is made. @throws what esbuild finds wrong, and of what would fail only when run */
async function build(tree, programs, own, outdir) {
  const entryPoints = Object.fromEntries(Object.entries(programs).map(([name, path]) => [name, `start:${path}`]));
  // Wants node_modules, which need not be there when we are loaded.
  const esbuild = await import(pathToFileURL(join(tree, 'node_modules/esbuild/lib/main.js')).href);
  const { outputFiles } = await esbuild.build({
    ...{ absWorkingDir: tree, entryPoints, outdir, write: false, logLevel: 'silent' },
    ...{ bundle: true, splitting: true, format: 'esm', platform: 'node', target: 'node24', external, alias: asModules },
    ...{ outExtension: { '.js': '.mjs' }, chunkNames: 'part-[hash]', banner: { js: banner } },
    // Names stay as they are, so that logs and stacks tell them; stacks tell lines of sources by the maps.
    ...{ minifyWhitespace: true, sourcemap: true, sourcesContent: false, legalComments: 'none' },
    plugins: [entries(tree), lateHttp, places(own, outdir)],
  });
  await esbuild.stop();
  for (const { path, text } of outputFiles) {
    const at = path.endsWith('.mjs') ? text.search(lostPlace) : -1;
    if (at >= 0)
      throw new Error(`a package is not in \`placed\`, and wants its place: ${text.slice(at - 80, at + 40)}`);
  }
  mkdirSync(outdir, { recursive: true });
  for (const { path, contents } of outputFiles) writeFileSync(path, contents);
  for (const name of Object.keys(programs)) chmodSync(join(outdir, `${name}.mjs`), 0o755);
}

/** Bytes of all files in a folder and below. */
const bytesBelow = (folder) =>
  readdirSync(folder, { recursive: true }).reduce((sum, path) => sum + statSync(join(folder, path)).size, 0);

function used(directory) {
  try {
    utimesSync(directory, new Date(), new Date());
  } catch {
    // Somebody else's tree, or one that cannot be written: whoever made it keeps it.
  }
  return directory;
}

function forgetOlder(tree, programs) {
  for (const name of readdirSync(programs)) {
    const path = join(programs, name);
    if (Date.now() - statSync(path).mtimeMs > keptMs) rmSync(path, { recursive: true, force: true });
  }
  const compiled = join(tree, 'node_modules', '.cache', 'compile');
  if (!existsSync(compiled) || bytesBelow(compiled) < mostCompiledBytes) return;
  // The folder itself stays: a sandbox may stand on it.
  for (const name of readdirSync(compiled)) rmSync(join(compiled, name), { recursive: true, force: true });
}

/** @returns the directory with `pop44.mjs`, `pop44d.mjs`, `pop44-web.mjs` and `lab.mjs`, made where there is none: a second */
export async function bundle(tree) {
  const programs = join(tree, '.cache', 'programs');
  const { key, own } = readSources(tree);
  const directory = join(programs, key);
  if (existsSync(directory)) return used(directory);
  const staging = join(programs, `${key}.${process.pid}`);
  try {
    await build(tree, all, own, staging);
    if (readSources(tree).key !== key) throw new Error('sources were edited meanwhile');
    // Somebody else may have made it.
    if (!existsSync(directory)) renameSync(staging, directory);
  } finally {
    rmSync(staging, { recursive: true, force: true });
  }
  forgetOlder(tree, programs);
  return directory;
}

/** `npm run package`: `programs/` of the tree, which is whole or what it was before. */
export async function packagePrograms(tree) {
  const directory = resolve(tree, 'programs');
  const staging = resolve(tree, 'programs.new');
  rmSync(staging, { recursive: true, force: true });
  await build(tree, installed, readSources(tree).own, staging);
  rmSync(directory, { recursive: true, force: true });
  renameSync(staging, directory);
  return directory;
}
