// Client file: the text that a WireGuard client imports, from a tunnel's template and the key that never left home.
//
// On the path: the daemon gives the template, the caller its private key; what comes out is taken by wg-quick(8) as it
// is and works the first time.
// Never: writes a PostUp or any other line that runs something, trusts a field to be what it should, or sends a key.

export type { ClientFile } from './wg-quick.ts';
export { isInterfaceName, wgQuick } from './wg-quick.ts';
