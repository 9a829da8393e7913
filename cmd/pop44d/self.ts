// Self: what a node's own file says of it, as the pure parts want to hear it.

import { madeKeyBase, type NodeConfig } from '#internal/config/config.ts';
import { edgeOf, type Self } from '#internal/desired/desired.ts';

export const selfOf = (config: NodeConfig): Self => ({
  nodeId: config.nodeId,
  ...(config.accessKeyFile === undefined ? {} : { accessKeyFile: config.accessKeyFile }),
  interconnectKeyFile: config.interconnectKeyFile,
  madeKeyBase: madeKeyBase(config),
  edge: edgeOf(config),
  mesh: config.mesh,
});
