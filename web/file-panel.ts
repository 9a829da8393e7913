// File panel: where a page's script puts a tunnel's file, its downloads and its picture. Without scripts it stays hidden.

import { html, type Html, nothing } from './html.ts';

const kinds: readonly (readonly [value: string, label: string])[] = [
  ['wg-quick', 'WireGuard app: Windows, macOS, Linux'],
  ['phone', 'Phone: scan a code'],
  ['networkmanager', 'Linux: NetworkManager'],
  ['networkd', 'Linux: systemd-networkd'],
  ['openwrt', 'OpenWrt, GL.iNet'],
  ['routeros', 'MikroTik RouterOS 7'],
];

/** @param pops that carry the tunnel; empty: the script asks */
export const filePanel = (
  id: string,
  pops: readonly string[] = [],
): Html => html`<section class="card" id="file-panel" data-tunnel="${id}" hidden tabindex="-1" aria-labelledby="file-title">
<h2 id="file-title">Your file</h2>
<p class="notice warn" id="file-warning">The key in it exists on this page alone: we never see it. Save the file before you leave.</p>
<div class="file"><div>
<div class="field"><label for="file-kind">Device</label><select id="file-kind">${kinds.map(([value, label]) => html`<option value="${value}">${label}</option>`)}</select></div>
<p class="hint" id="file-takes-all" hidden>A phone sends everything through the tunnel while it is on.</p>
<div class="field" id="file-paths"><label for="file-path">What goes through the tunnel</label><select id="file-path"><option value="all">Everything</option><option value="replies">Only what is asked of its address</option></select></div>
<div class="field" id="file-pops"${pops.length < 2 ? html` hidden` : nothing}><label for="file-pop">Connect to</label><select id="file-pop">${pops.map((pop) => html`<option value="${pop}">${pop}</option>`)}</select></div>
<div class="row" id="file-saves"></div>
<p class="problem" id="file-problem" role="alert"></p>
</div>
<div id="file-picture"></div></div>
<ol id="file-lines"></ol>
<details><summary>Show the file</summary><pre id="file-text" tabindex="0"></pre></details>
</section>`;
