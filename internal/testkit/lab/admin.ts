// Admin: a context for whoever stands inside the lab: the daemons' unix sockets and the lab's admin certificate.

import { join } from 'node:path';
import type { Context } from '#internal/client/client.ts';
import { adminFiles, apiSocket } from './node-files.ts';
import type { World } from './world.ts';

export function adminContext(world: World): Context {
  const at = (name: string): string => join(world.directory, name);
  return {
    file: at('context.json'),
    ca: at(adminFiles.ca),
    certificate: at(adminFiles.certificate),
    key: at(adminFiles.key),
    daemons: world.nodes.map(({ node }) => ({ node: node.id, address: `unix:${apiSocket(world.directory, node.id)}` })),
    namespaces: world.namespaces,
  };
}
