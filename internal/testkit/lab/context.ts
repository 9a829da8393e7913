// Context: how an admin's tools find a lab, as the file context.json in its directory.

export interface LabContext {
  readonly lab: string;
  /** Of the lab's first process, as the machine sees it: the way into its namespaces. */
  readonly pid: number;
  /** Files of the CA and the admin's credentials. */
  readonly ca: string;
  readonly certificate: string;
  readonly key: string;
  /** Relays on 127.0.0.1 to the APIs. */
  readonly daemons: readonly { readonly node: string; readonly address: string }[];
  readonly namespaces: readonly string[];
  /** Where pop44-web answers: `https://127.0.0.1:40001`. */
  readonly web?: { readonly public: string; readonly console: string };
}

export const contextFile = 'context.json';
