// Empty handlers: every method of a service, answering with nothing; a test spreads its own over them.

import type { DescService } from '@bufbuild/protobuf';
import type { GenService, GenServiceMethods } from '@bufbuild/protobuf/codegenv2';
import type { Handlers } from '#internal/rpc/rpc.ts';

export function emptyHandlers<M extends GenServiceMethods>(service: GenService<M>): Handlers<M> {
  const { methods } = service as unknown as DescService;
  const handlers = methods.map(({ localName, methodKind }) => [
    localName,
    methodKind === 'unary' ? async () => ({}) : async function* () {},
  ]);
  return Object.fromEntries(handlers) as Handlers<M>;
}
