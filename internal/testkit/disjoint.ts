// Disjoint: whether prefixes overlap, told without what the allocator tells it by.

/** A second implementation, which knows nothing of netip: `44.0.0.0/8` is `00101100`, IPv6 begins with `v6 `. */
function bits(prefix: string): string {
  const [address = '', length] = prefix.split('/');
  if (!address.includes(':')) {
    return address
      .split('.')
      .map((octet) => Number(octet).toString(2).padStart(8, '0'))
      .join('')
      .slice(0, Number(length));
  }
  const [left = '', right = ''] = address.split('::');
  const groups = (text: string): readonly string[] => (text === '' ? [] : text.split(':'));
  const missing = 8 - groups(left).length - groups(right).length;
  const all = [...groups(left), ...Array.from({ length: missing }, () => '0'), ...groups(right)];
  return `v6 ${all.map((group) => Number.parseInt(group, 16).toString(2).padStart(16, '0')).join('')}`.slice(
    0,
    3 + Number(length),
  );
}

/** Of prefixes as bits: one lies in the other, or they are the same. */
const meet = (a: string, b: string): boolean => a.startsWith(b) || b.startsWith(a);

/** No two of them have an address in common. */
export function disjoint(prefixes: readonly string[]): boolean {
  const all = prefixes.map(bits);
  return all.every((a, at) => all.slice(at + 1).every((b) => !meet(a, b)));
}
