// Visit: one request as pages see it, and what they answer. Pages know nothing of HTTP beyond this.

import type { CallOptions } from '#internal/rpc/rpc.ts';
import type { Client } from '#internal/client/client.ts';
import type { Script } from './assets.ts';
import type { Html } from './html.ts';

export interface Visit {
  readonly path: string;
  readonly params: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
  readonly form: URLSearchParams;
  /** Its login; undefined: nobody has logged in here. */
  readonly bearer: string | undefined;
  /** IP address; empty: a socket of this machine. */
  readonly source: string;
  readonly userAgent: string;
  /** Asked for by a script, which wants JSON. */
  readonly wantsJson: boolean;
  /** What its forms must bear. */
  readonly token: string;
  readonly client: Client;
  /** Of each call that is made for it. */
  readonly call: CallOptions;
}

/** Whose login it is. */
export interface Me {
  readonly callsign: string;
  readonly role: Role;
  readonly owner: string;
}
export type Role = 'user' | 'regional-admin' | 'auditor' | 'global-admin';

export interface Page {
  readonly title: string;
  readonly body: Html;
  readonly me?: Me | undefined;
  readonly scripts?: readonly Script[];
}

export type Answer =
  | { readonly page: Page; readonly status?: number; readonly login?: LoginCookie }
  | { readonly to: string; readonly login?: LoginCookie }
  | { readonly json: object; readonly status?: number };

/** Secret of a new login and when it ends; or `gone`. */
export type LoginCookie = { readonly secret: string; readonly expires: Date } | 'gone';

export type Handler = (visit: Visit) => Promise<Answer>;

export interface Route {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  /** Only for who is logged in; others are led to the login first. */
  readonly loggedIn?: boolean;
  readonly handle: Handler;
}

export const get = (path: string, handle: Handler): Route => ({ method: 'GET', path, handle });
export const post = (path: string, handle: Handler): Route => ({ method: 'POST', path, handle });
/** The same for who is logged in alone. */
export const own = (route: Route): Route => ({ ...route, loggedIn: true });
