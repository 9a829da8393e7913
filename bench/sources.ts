// Sources: addresses of many clients, beside the internet host's own: a node takes few handshakes from one (desired/nft-handshakes.ts).

import type { World } from '#internal/testkit/lab/lab.ts';

export const sources: readonly string[] = Array.from({ length: 200 }, (_, at) => `198.18.100.${at + 50}`);

export async function addSources(lab: World): Promise<void> {
  const lines = sources.map((source) => `address add ${source}/24 dev eth0`);
  await lab.exec('host', ['ip', '-batch', '-'], { input: `${lines.join('\n')}\n` });
}
