// Render: a file of any format.

import { networkdDevice, networkdNetwork } from './networkd.ts';
import { networkManager } from './networkmanager.ts';
import { openWrt } from './openwrt.ts';
import type { ReturnPath } from './return-path.ts';
import { routerOs } from './routeros.ts';
import { type Checked, type ClientFile, checkedFile } from './template.ts';
import { wgQuickText } from './wg-quick.ts';

/** One file; every one but networkd's .network holds keys, and is for its owner alone. */
export interface Rendered {
  /** With its dot. */
  readonly extension: string;
  readonly text: string;
}

interface Kind {
  readonly extensions: readonly string[];
  readonly texts: (file: Checked, path: ReturnPath) => readonly string[];
}

const kinds = {
  'wg-quick': { extensions: ['.conf'], texts: (file, path) => [wgQuickText(file, path)] },
  networkmanager: { extensions: ['.nmconnection'], texts: (file, path) => [networkManager(file, path)] },
  networkd: {
    extensions: ['.netdev', '.network'],
    texts: (file, path) => [networkdDevice(file), networkdNetwork(file, path)],
  },
  openwrt: { extensions: ['.uci'], texts: (file, path) => [openWrt(file, path)] },
  routeros: { extensions: ['.rsc'], texts: (file, path) => [routerOs(file, path)] },
} satisfies Readonly<Record<string, Kind>>;

export type Format = keyof typeof kinds;
export const formats = Object.keys(kinds) as readonly Format[];

/** For wg-quick alone: what most clients take. Throws as `render` does. */
export const wgQuick = (file: ClientFile): string => wgQuickText(checkedFile(file), 'all');

/** Throws Fault `bad-template` or `bad-key`, with what is wrong in the template, and no file then. */
export function render(file: ClientFile, format: Format, path: ReturnPath = 'all'): readonly Rendered[] {
  const kind: Kind = kinds[format];
  return kind.texts(checkedFile(file), path).map((text, at) => ({ extension: kind.extensions[at] ?? '', text }));
}
