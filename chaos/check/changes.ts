// Changes: the lines of an audit entry.

export type ChangeOp = 'put' | 'delete';

/** `put tunnel/ab12` as `tunnel/ab12` and `put`. */
export function changeOf(change: string): readonly [key: string, op: ChangeOp] {
  const space = change.indexOf(' ');
  return [change.slice(space + 1), change.startsWith('delete ') ? 'delete' : 'put'];
}
