// Patch loader: `node --import` it into a daemon: it puts patches into the files that the daemon loads, and lets orders
// stop it at points. It is told what to do by a file, and tells what it saw on standard error.

import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { registerHooks } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { orderVariable, patched, type PatchOrder, sightingMark } from './patch.ts';

const tree = fileURLToPath(new URL('..', import.meta.url));
const orderFile = process.env[orderVariable];
const lookEveryMs = 20;
const tellEveryMs = 1_000;

if (orderFile !== undefined) begin(JSON.parse(readFileSync(orderFile, 'utf8')) as PatchOrder);

function begin({ patches, orders }: PatchOrder): void {
  registerHooks({
    load(url, context, nextLoad) {
      const loaded = nextLoad(url, context);
      const own = url.startsWith('file:') ? patches.filter(({ file }) => join(tree, file) === fileURLToPath(url)) : [];
      if (own.length === 0 || loaded.source === undefined || loaded.source === null) return loaded;
      const text =
        typeof loaded.source === 'string' ? loaded.source : Buffer.from(loaded.source as Uint8Array).toString();
      return { ...loaded, source: own.reduce(patched, text) };
    },
  });
  // Points and timers are of the half that faces the network.
  if (process.argv[2] !== 'run') return;
  // Its argument is its node's file: .../p1/node.json.
  const node = basename(dirname(process.argv.at(-1) ?? ''));
  let wanted = '';
  const look = setInterval(() => {
    const file = join(orders, node);
    try {
      wanted = readFileSync(file, 'utf8');
      rmSync(file);
    } catch {
      // No order.
    }
  }, lookEveryMs);
  look.unref();
  // Timers that nobody ends are seen from inside alone.
  const telling = setInterval(() => {
    const timers = process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
    writeFileSync(join(orders, `${node}.timers`), `${process.pid} ${timers}`);
  }, tellEveryMs);
  telling.unref();
  const tell = (what: string): void => void process.stderr.write(`${sightingMark} ${what}\n`);
  Object.assign(globalThis, {
    pop44Sighting: tell,
    pop44Point(name: string) {
      if (name !== wanted) return;
      wanted = '';
      tell(`stopped-${name}`);
      process.kill(process.pid, 'SIGSTOP');
    },
  });
}
