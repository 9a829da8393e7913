import { expect, test } from 'vitest';
import { closureOf } from './kernel-image.ts';

const told = [
  'bash\tinstalled\tyes\tbase-files (>= 2.1), debianutils, libc6:any (>= 2.36)\t',
  'libc6\tinstalled\tno\t, \t',
  'etcd-server\tinstalled\tno\tadduser | systemd-sysusers, pkg-absent | virtual-thing, libc6\t',
  'adduser\tinstalled\tno\tetcd-server\t',
  'provider\tinstalled\tno\t\tvirtual-thing (= 1.0), other',
  'bird2\tconfig-files\tno\tlibgone\t',
  'libgone\tinstalled\tno\t\t',
  'chromium\tinstalled\tno\tlibc6\t',
].join('\n');

test('a disk has what the packages need, in any order, and what every machine has; no more', () => {
  expect(closureOf(['etcd-server', 'bird2'], told)).toEqual(['adduser', 'bash', 'etcd-server', 'libc6', 'provider']);
  expect(closureOf([], told)).toEqual(['bash', 'libc6']);
});
