// Identity: who speaks, proven by a certificate of the network's own CA.
//
// On the path: nodes and admins carry an ECDSA P-256 certificate whose one URI name is their principal
// (pop44://node/<id>, pop44://admin/<name>); the API, the mesh and etcd ask for it on every connection.
// Never: reads a clock or a file, knows what a principal may do, or keeps the CA's key anywhere.

export type { Ca, Credentials, Validity } from './ca.ts';
export { createCa, issueAdminCertificate, issueNodeCertificate } from './ca.ts';
