// Challenge: what a CA asks the name for by HTTP, to see that whoever orders holds it (RFC 8555 8.3).
//
// The answer is the question's token and the account key's thumbprint, and nothing else: whoever knows the thumbprint
// answers for any order of the account, without having heard of it. That is how any instance behind a name answers for
// an order of any other. It lets nobody order: for that the key is needed.

const path = /^\/\.well-known\/acme-challenge\/([A-Za-z0-9_-]{1,256})$/;

/** Undefined: nothing of a CA's is asked. */
export function challengeAnswer(url: string, thumbprint: string): string | undefined {
  const token = path.exec(url)?.[1];
  return token === undefined ? undefined : `${token}.${thumbprint}`;
}
