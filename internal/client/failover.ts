// Failover: one set of calls over several daemons, tried in order.

import type { DescMethod, DescService } from '@bufbuild/protobuf';
import type { GenService, GenServiceMethods } from '@bufbuild/protobuf/codegenv2';
import { Fault } from '#internal/errors/errors.ts';
import type { Clock } from '#internal/clock/clock.ts';
import type { CallOptions, Calls } from '#internal/rpc/rpc.ts';
import { type UntypedCall, withRest } from './rest.ts';

export interface Reached<M extends GenServiceMethods> {
  readonly node: string;
  readonly call: Calls<M>;
}

/** After these it may have happened, and asking another daemon with the same request id tells what did. */
const uncertain: ReadonlySet<string> = new Set(['pending', 'deadline', 'dropped']);
const worthAnother = (fault: Fault): boolean => fault.code === 'unavailable' || uncertain.has(fault.code);

export interface FailoverOptions {
  readonly newRequestId: () => string;
  readonly steppedOver: (node: string, fault: Fault) => void;
  readonly clock: Clock;
}

/**
 * Every change gets a request id here when it has none, so that asking a second daemon cannot make it twice. Throws what
 * the last daemon answered, but `pending` once a change may have happened.
 */
export function withFailover<M extends GenServiceMethods>(
  service: GenService<M>,
  daemons: readonly Reached<M>[],
  { newRequestId, steppedOver, clock }: FailoverOptions,
): Calls<M> {
  const calls: Record<string, unknown> = {};
  const over = (method: DescMethod, each: readonly Untyped[]): unknown => {
    switch (method.methodKind) {
      case 'unary':
        return unary(method, each, newRequestId, steppedOver);
      case 'server_streaming':
        return streaming(each, steppedOver);
      default:
        // What the caller sends comes once: a second daemon would miss what the first has taken.
        return streaming(each.slice(0, 1), steppedOver);
    }
  };
  for (const method of (service as unknown as DescService).methods) {
    const each = daemons.map(({ node, call }) => {
      const asked = (call as unknown as Readonly<Record<string, UntypedCall>>)[method.localName];
      return { node, call: asked && withRest(method, asked, clock) };
    });
    calls[method.localName] = over(method, each);
  }
  return calls as Calls<M>;
}

interface Untyped {
  readonly node: string;
  readonly call: UntypedCall | undefined;
}

function unary(
  method: DescMethod,
  daemons: readonly Untyped[],
  newRequestId: () => string,
  steppedOver: (node: string, fault: Fault) => void,
) {
  const changes = method.input.fields.some((field) => field.localName === 'change');
  return async (asked: object, options?: CallOptions): Promise<unknown> => {
    const request = changes ? withRequestId(asked, newRequestId) : asked;
    let last: Fault | undefined;
    for (const { node, call } of daemons) {
      try {
        return await call?.(request, options);
      } catch (thrown) {
        if (!(thrown instanceof Fault) || !worthAnother(thrown)) throw thrown;
        if (last === undefined || uncertain.has(thrown.code)) last = thrown;
        steppedOver(node, thrown);
      }
    }
    if (last === undefined) throw new Fault('unavailable', 'no daemon to ask');
    if (changes && uncertain.has(last.code)) throw new Fault('pending', `it may have been done: ${last.message}`, last);
    throw last;
  };
}

function withRequestId(asked: object, newRequestId: () => string): object {
  const change = 'change' in asked ? (asked.change as { readonly requestId?: string } | undefined) : undefined;
  if (change?.requestId !== undefined && change.requestId !== '') return asked;
  return { ...asked, change: { ...change, requestId: newRequestId() } };
}

function streaming(daemons: readonly Untyped[], steppedOver: (node: string, fault: Fault) => void) {
  return async function* (request: unknown, options?: CallOptions): AsyncGenerator<unknown, void> {
    for (const [index, { node, call }] of daemons.entries()) {
      try {
        yield* call?.(request, options) as AsyncGenerator<unknown, void>;
        return;
      } catch (thrown) {
        // A deadline is of the whole stream: the caller's patience, not the daemon's fault.
        const isAway = thrown instanceof Fault && (thrown.code === 'unavailable' || thrown.code === 'dropped');
        if (!isAway || index === daemons.length - 1) throw thrown;
        steppedOver(node, thrown);
      }
    }
  };
}
