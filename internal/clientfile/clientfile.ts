// Client file: the text that a WireGuard client imports, from a tunnel's template and the key that never left home.
//
// On the path: the daemon gives the template, the caller its private key; what comes out is taken by its program as it
// is and works the first time. Runs in a browser too.
// Never: writes a PostUp or any other line that runs something, trusts a field to be what it should, or sends a key.

export { qrSvg, qrTerminal } from './qr.ts';
export type { Format, Rendered } from './render.ts';
export { formats, render, wgQuick } from './render.ts';
export type { ReturnPath } from './return-path.ts';
export { returnPaths } from './return-path.ts';
export type { ClientFile } from './template.ts';
export { isInterfaceName } from './wg-quick.ts';
