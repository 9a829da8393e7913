// Chunks: lines joined to texts of some size. One text of all that a long run leaves would be longer than V8 allows
// (512 MiB).

/** Characters: what is pressed, searched or handed on at once. */
const chunkCharacters = 1 << 20;

/** Whole lines; each text is as long as said above, or as its one line. */
export function* chunks(lines: Iterable<string>): Generator<string> {
  let chunk: string[] = [];
  let held = 0;
  for (const line of lines) {
    chunk.push(line);
    held += line.length;
    if (held < chunkCharacters) continue;
    yield chunk.join('');
    chunk = [];
    held = 0;
  }
  if (held > 0) yield chunk.join('');
}
