// Trust: the certificate of this node while it runs, and the CAs that it trusts: in use, on disk, and renewed in time.
//
// On the path: server and clients take their credentials from here; another daemon that holds the CA's key signs the next
// certificate; what it gives is checked, written beside the old and moved over it, and used for every connection to come.
// Never: trusts a CA that none it trusts already has vouched for, touches a private key after it was read, closes a connection that stands, or stops trying.

export { type IdentityFiles, type KeptIdentity, openIdentity } from './kept-identity.ts';
export { createKnownAuthorities, type KnownAuthorities } from './known-authorities.ts';
export { nodesToAsk, type RenewalParts, renewAgainAndAgain } from './renewal.ts';
