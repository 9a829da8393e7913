// Places: where a node's files are unless somebody says otherwise. The units in packaging/systemd let each half write its own
// of these, and nothing else (units.test.ts).

export const places = {
  /** node.json and private keys: neither half writes there. */
  dir: '/etc/pop44',
  /** The network half's. */
  stateDir: '/var/lib/pop44/daemon',
  /** The privileged half's. */
  runDir: '/run/pop44',
  /** The privileged half's, over reboots. */
  madeKeysDir: '/var/lib/pop44/dataplane',
} as const;

/** Below `dir`: certificates and their key, which the network half renews. */
export const tlsDirectory = 'tls';
