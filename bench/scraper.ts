// Scraper: reads a page each 5 s, as a monitor reads metrics, from the namespace it was started in. Argument: its URL.

import { realClock } from '#internal/clock/clock.ts';

const everyMs = 5_000;
const timeoutMs = 4_000;

const [url = ''] = process.argv.slice(2);
for (;;) {
  // A busy node may be late; the next one comes.
  await fetch(url, { signal: AbortSignal.timeout(timeoutMs) }).then(
    (response) => response.text(),
    () => '',
  );
  await realClock.sleep(everyMs);
}
