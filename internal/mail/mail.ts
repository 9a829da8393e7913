// Mail: what waits in the queue gets its link and is handed to a mail server, or into a maildir.
//
// On the path: a change of an account writes a mail job; a daemon of a CORE claims it, makes the secret of its link, stores
// the hash and sends.
// Never: puts a header together by hand, logs an address or what a mail says, or keeps a secret that it has sent.

export { compose, type Composed } from './compose.ts';
export { runSender, type SenderParts } from './sender.ts';
export { type MailSettings, openTransport, type Transport } from './transport.ts';
