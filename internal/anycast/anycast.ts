// Anycast: which datagrams that arrive at a shared endpoint are for another node's session, and when a client has come here for
// good.
//
// On the path: what nodes tell of their clients comes in; out go the endpoints of those that others hold, and those that are to
// be taken over. Values and memory alone: who carries them out stands above.
// Never: opens a datagram, or believes an endpoint without a handshake.

export { createFlips, type Flips, type Relayed } from './flips.ts';
export { createHolders, type Holders, sessionMs, type Whereabout } from './holders.ts';
