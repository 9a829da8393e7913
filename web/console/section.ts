// Section: one thing that may be done, with its line for the CLI.

import { html, type Html } from '../html.ts';

export const section = (title: string, body: Html, command: string): Html =>
  html`<section class="card"><h2>${title}</h2>${body}<p class="command">At a command line: <code>${command}</code></p></section>`;
