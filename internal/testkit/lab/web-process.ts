// Web process: pop44-web in a lab, on sockets that relays lead to, as an operator would start it.

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { lstatSync } from 'node:fs';
import { eventually } from '../eventually.ts';
import { programFile } from '../programs.ts';
import { adminFiles, apiSocket, webFiles, webSocket } from './node-files.ts';
import type { World } from './world.ts';

const program = programFile('pop44-web');

/** Its scripts are bundled first, on a loaded machine. */
const readyWithinMs = 20_000;

/** Done when it answers. It stands in the namespace of the host on the internet, which has no way to any node but the sockets. */
export async function startWebProcess(world: World): Promise<void> {
  const { directory, nodes } = world;
  const at = (name: string): string => join(directory, name);
  const [certificateFile, keyFile] = [at(webFiles.certificate), at(webFiles.key)];
  const listening = (kind: 'public' | 'console') => ({
    listen: [`unix:${webSocket(directory, kind)}`],
    certificateFile,
    keyFile,
  });
  const config = {
    ...{ ca: at(adminFiles.ca), certificate: certificateFile, key: keyFile, name: '44Net Lab' },
    daemons: nodes.map(({ node }) => ({ node: node.id, address: `unix:${apiSocket(directory, node.id)}` })),
    public: listening('public'),
    console: listening('console'),
    // Who comes by the relays is on this machine, and may say that it is anybody.
    trustedProxies: ['unix'],
  };
  await writeFile(at(webFiles.config), `${JSON.stringify(config, null, 2)}\n`);
  await world.serve('web', 'host', [process.execPath, program, '--config', at(webFiles.config)]);
  await eventually(() => lstatSync(webSocket(directory, 'console')).isSocket(), readyWithinMs);
}
