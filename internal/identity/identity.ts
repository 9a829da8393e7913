// Identity: who speaks, proven by a certificate of the network's own CA.
//
// On the path: nodes and admins carry an ECDSA P-256 certificate whose one URI name is their principal
// (pop44://node/<id>, pop44://admin/<name>, pop44://web/<name>); the API, the mesh and etcd ask for it on every connection.
// Never: reads a clock or a file, knows what a principal may do, or keeps the CA's key anywhere.

export {
  type Anchors,
  type AuthorityRecord,
  anchors,
  anchorsText,
  authorityId,
  type Held,
  heldIn,
  problemOfAuthority,
  shortId,
  subjectOf,
} from './anchors.ts';
export { type Authority, openAuthorities, openAuthority } from './authority.ts';
export type { Ca, Credentials, NodeNames, Validity, WebNames } from './ca.ts';
export { createCa, issueAdminCertificate, issueNodeCertificate, issueWebCertificate } from './ca.ts';
export {
  alarmingFrom,
  type CertificateFacts,
  certificateFacts,
  certificateHash,
  certificatesOf,
  issuerKeyId,
  renewableFrom,
} from './certificate.ts';
export { createRequest, createServerRequest, readRequest } from './request.ts';
export { readTicket, secretHash, type Ticket, ticketText } from './ticket.ts';
