// Trust: the certificate of this node while it runs: in use, on disk, and renewed before it ends.
//
// On the path: server and clients take their credentials from here; another daemon that holds the CA's key signs the next
// certificate; what it gives is checked, written beside the old and moved over it, and used for every connection to come.
// Never: changes whom this node trusts, touches a private key after it was read, closes a connection that stands, or stops trying.

export { type IdentityFiles, type KeptIdentity, openIdentity } from './kept-identity.ts';
export { nodesToAsk, type RenewalParts, renewAgainAndAgain } from './renewal.ts';
