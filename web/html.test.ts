import { expect, test } from 'vitest';
import { attributes, html } from './html.ts';

test('what is put in stays text, in content and in attributes', () => {
  const evil = `"><script>alert('1')</script>&`;
  expect(html`<p title="${evil}">${evil}</p>`.text).not.toMatch(/<script|"><|'1'/);
  expect(html`<i${attributes({ title: evil, hidden: true, lang: undefined })}>`.text).toBe(
    '<i title="&quot;&gt;&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;&amp;" hidden>',
  );
});

test('lists stand one after the other; nothing is nothing', () => {
  const items = ['<a>', 7, 8n, undefined, null, false];
  expect(html`<ul>${items.map((item) => html`<li>${item}</li>`)}</ul>`.text).toBe(
    '<ul><li>&lt;a&gt;</li><li>7</li><li>8</li><li></li><li></li><li></li></ul>',
  );
});

test.each([
  ['turns a line around', '\u202egnp.exe'],
  ['is not seen', 'ad\u200bmin'],
  ['controls', 'a\u0000b\u001bc'],
  ['is half a character', 'a\ud800b'],
  ['ends a line for some', 'a\u2028b'],
])('a character that %s is shown for what it is', (_, text) => {
  expect(html`${text}`.text).toContain('\ufffd');
});
