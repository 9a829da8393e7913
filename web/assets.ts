// Assets: style and scripts as browsers get them, made once at the start from the sources: types stripped, each entry with
// what it imports, names that hold a hash of the content, so that a browser keeps them for good.

import { hash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import { brotliCompressSync } from 'node:zlib';
import { build, stop } from 'esbuild';

export interface Asset {
  readonly type: string;
  readonly bytes: Buffer;
  /** The same in Brotli. */
  readonly packed: Buffer;
}

export type Script = 'sign-up' | 'code' | 'tunnel' | 'live' | 'console';

export interface Assets {
  readonly style: string;
  /** Path of a script. @throws RangeError for one that there is not */
  script(name: Script): string;
  /** By path. */
  readonly files: ReadonlyMap<string, Asset>;
}

const folder = fileURLToPath(new URL('./', import.meta.url));
const entries: readonly Script[] = ['sign-up', 'code', 'tunnel', 'live', 'console'];
/** A server that compresses each time could be made to tell what else is in a page (BREACH): these hold no secret. */
const asset = (type: string, bytes: Buffer): Asset => ({ type, bytes, packed: brotliCompressSync(bytes) });

/** Wants the sources; some 200 ms. */
export async function makeAssets(): Promise<Assets> {
  const { outputFiles } = await build({
    entryPoints: entries.map((name) => `${folder}browser/${name}.ts`),
    outdir: '/assets',
    entryNames: '[name]-[hash]',
    chunkNames: 'part-[hash]',
    bundle: true,
    splitting: true,
    minify: true,
    format: 'esm',
    platform: 'browser',
    // X25519 of WebCrypto came with these; older ones take the library.
    target: ['chrome100', 'firefox100', 'safari15'],
    write: false,
    logLevel: 'silent',
  });
  await stop();
  const files = new Map<string, Asset>(
    outputFiles.map(({ path, contents }) => [path, asset('text/javascript; charset=utf-8', Buffer.from(contents))]),
  );
  const css = readFileSync(`${folder}style.css`);
  const style = `/assets/style-${hash('sha256', css, 'hex').slice(0, 10)}.css`;
  files.set(style, asset('text/css; charset=utf-8', css));
  const scripts = new Map(
    entries.map((name) => {
      const path = [...files.keys()].find((each) => basename(each).startsWith(`${name}-`));
      return [name, path] as const;
    }),
  );
  return {
    style,
    files,
    script(name) {
      const path = scripts.get(name);
      if (path === undefined) throw new RangeError(`no script ${name}`);
      return path;
    },
  };
}
