// Disjoint: whether prefixes overlap, told without what the allocator tells it by.

/** A second implementation, which knows nothing of netip: an address is a string of bits. */
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

const meet = (a: string, b: string): boolean => bits(a).startsWith(bits(b)) || bits(b).startsWith(bits(a));

/** No two of them have an address in common. */
export function disjoint(prefixes: readonly string[]): boolean {
  return prefixes.every((a, at) => prefixes.slice(at + 1).every((b) => !meet(a, b)));
}
