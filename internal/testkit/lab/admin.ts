// Admin: the context of whoever stands in the lab's own namespaces, straight to the sockets of the daemons.

import { join } from 'node:path';
import type { Context } from '#internal/client/client.ts';
import { contextFile } from './context.ts';
import { adminFiles, apiSocket } from './node-files.ts';
import type { World } from './world.ts';

export function adminContext(world: Pick<World, 'directory' | 'nodes' | 'namespaces'>): Context {
  const at = (name: string): string => join(world.directory, name);
  return {
    file: at(contextFile),
    ca: at(adminFiles.ca),
    certificate: at(adminFiles.certificate),
    key: at(adminFiles.key),
    daemons: world.nodes.map(({ node }) => ({ node: node.id, address: `unix:${apiSocket(world.directory, node.id)}` })),
    namespaces: world.namespaces,
  };
}
