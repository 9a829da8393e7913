// Join: how a machine becomes a node: one request and one answer over TLS, by a token that a person carried there.
//
// On the path: the listener is the one thing of a daemon that answers without a client's certificate; it hands a whole,
// short request to the api and knows nothing else. The other side is pop44d join.
// Never: sends a secret before it knows to whom, waits without an end, or decides who may join.

export { askToJoin } from './ask.ts';
export { type JoinIdentity, type JoinListener, listenForJoins } from './listener.ts';
