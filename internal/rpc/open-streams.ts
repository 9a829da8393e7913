// Open streams: the streams of a server that last, so that whoever may not have one any more loses it at once and not with
// its next message, which may never come.

import type { DescMethod } from '@bufbuild/protobuf';
import type { Refusal } from '#internal/errors/errors.ts';
import type { Principal } from './principal.ts';

interface OpenStream {
  readonly principal: Principal;
  readonly method: DescMethod;
  cut(refusal: Refusal): void;
}

export interface OpenStreams {
  /** Gives the way to forget it. */
  add(stream: OpenStream): () => void;
  /** Asks of every stream again whether it may be, and cuts those that may not. O(streams). */
  ask(admit: (principal: Principal, method: DescMethod) => Refusal | undefined): void;
}

export function createOpenStreams(): OpenStreams {
  const open = new Set<OpenStream>();
  return {
    add(stream) {
      open.add(stream);
      return () => void open.delete(stream);
    },
    ask(admit) {
      for (const stream of [...open]) {
        const refusal = admit(stream.principal, stream.method);
        if (refusal !== undefined) stream.cut(refusal);
      }
    },
  };
}
