// One HTTP request, as a program on a machine of the lab: prints the body. Usage: web-fetch.ts URL [TIMEOUT_MS]

import { messageOf } from '#internal/errors/errors.ts';

const [url = '', timeoutMs = '5000'] = process.argv.slice(2);
try {
  const response = await fetch(url, { signal: AbortSignal.timeout(Number(timeoutMs)) });
  process.stdout.write(await response.text());
} catch (thrown) {
  // fetch says only "fetch failed"; why stands in the cause.
  const cause = thrown instanceof Error && thrown.cause !== undefined ? thrown.cause : thrown;
  process.stderr.write(`${url}: ${messageOf(cause)}\n`);
  // An abandoned connection attempt would hold the process for its own 10 s.
  process.exit(1);
}
