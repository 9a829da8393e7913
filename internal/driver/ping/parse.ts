// Parse: what ping(8) of iputils says at its end. With -q that is all.

/** `rtt min/avg/max/mdev = 0.031/0.040/0.052/0.008 ms`; undefined: it counted no answer. */
export function shortestMs(text: string): number | undefined {
  const [, shortest] = /^rtt min\/avg\/max\/mdev = (\d+\.\d+)\/\d+\.\d+\/\d+\.\d+\/\d+\.\d+ ms/m.exec(text) ?? [];
  return shortest === undefined ? undefined : Number(shortest);
}
