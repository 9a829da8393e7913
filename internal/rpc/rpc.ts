// Rpc: the glue between protobuf-es service descriptors and grpc-js.
//
// On the path: a request's bytes come in by mutual TLS and become a typed call of a handler; what the handler gives or
// throws becomes bytes or a status; a client turns that status back into the same refusal or fault.
// Never: knows what any service does, reads a snapshot, or lets the text of an unexpected exception out.

export type { Presented } from './caller.ts';
export type { CallOptions } from './calls.ts';
export type { Calls, Connection, ConnectOptions } from './connect.ts';
export { connect } from './connect.ts';
export type { Identity, RenewableServer } from './credentials.ts';
export { certlessCredentials, clientCredentials, publicCredentials, serverCredentials } from './credentials.ts';
export type { Admit, Call, Handlers, ImplementOptions } from './implement.ts';
export { callAs, implement } from './implement.ts';
export { createOpenStreams } from './open-streams.ts';
export { createOutbox, type Outbox } from './outbox.ts';
export type { Principal } from './principal.ts';
export { principalName, principalNamed, principalOf, serverNameOf } from './principal.ts';
export type { Listener } from './serve.ts';
export { listen, newPublicServer, newServer } from './serve.ts';
export { Refused, refusalDetail, refusalOf } from './status.ts';
