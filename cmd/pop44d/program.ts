// Program: pop44d's two commands. `run` faces the network and holds no privileges, `dataplane` may touch the kernel.

import { readFileSync } from 'node:fs';
import { flushCompileCache } from 'node:module';
import { setFlagsFromString } from 'node:v8';
import { Command } from 'commander';
import { parseConfig } from '#internal/config/config.ts';
import { messageOf } from '#internal/errors/errors.ts';
import type { JoinOptions } from './join.ts';
import { giveBackMemory } from './memory.ts';
import type { NewCaOptions } from './new-ca.ts';
import { places } from './places.ts';
import type { SealingKeyOptions } from './sealing-key.ts';
import type { WebCertificateOptions } from './web-certificate.ts';

giveBackMemory();
// grpc-js names the address it dials as TLS server name, an IP here, and Node would say so at each start (DEP0123).
process.noDeprecation = true;

const ended = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => ended.abort());

const configOf = (options: { readonly config: string }) => parseConfig(readFileSync(options.config, 'utf8'));

const program = new Command('pop44d').description('The daemon of one 44Net point of presence.');
program
  .command('run')
  .description('the half that faces the network: API, mesh, store')
  .requiredOption('--config <file>', "the node's configuration")
  .action(async (options: { config: string }) => {
    const { runDaemon } = await import('./daemon.ts');
    flushCompileCache();
    await runDaemon(configOf(options), ended.signal);
  });
program
  .command('dataplane')
  .description('the privileged half: WireGuard, routes, nftables, BIRD')
  .requiredOption('--config <file>', "the node's configuration")
  .action(async (options: { config: string }) => {
    // Young objects get 1 MB instead of up to 48: it holds little that is young (17 MB of both halves, measured).
    setFlagsFromString('--semi-space-growth-factor=1');
    const { runDataplane } = await import('./dataplane.ts');
    flushCompileCache();
    await runDataplane(configOf(options), ended.signal);
  });

program.command('hash', { hidden: true }).action(async () => {
  const { runHashProcess } = await import('./hash-process.ts');
  await runHashProcess();
});

program
  .command('sealing-key')
  .description("print to whom this node's secrets are sealed; the identity is made where there is none")
  .requiredOption('--config <file>', "the node's configuration")
  .option('--rotate', 'make the next one; older ones go on opening what is sealed to them')
  .option('--forget', 'take older ones away, when nothing is sealed to them any more')
  .action(async (options: { config: string } & SealingKeyOptions) => {
    const { sealingKey } = await import('./sealing-key.ts');
    for (const line of await sealingKey(configOf(options), options)) process.stdout.write(`${line}\n`);
  });

program
  .command('new-ca')
  .description(
    'make the next CA of the network and print its certificate, for pop44 ca add; its key goes into ca.keyFile',
  )
  .requiredOption('--config <file>', "the node's configuration")
  .requiredOption('--name <name>', 'of the CA, another one than those before')
  .option('--days <days>', 'that it is valid', Number, 3_650)
  .action(async (options: { config: string } & NewCaOptions) => {
    const { newCa } = await import('./new-ca.ts');
    process.stdout.write(await newCa(configOf(options), options));
  });

program
  .command('web-certificate')
  .description(
    'make the certificate that an instance of pop44-web shows daemons; for a node that holds the key of the CA',
  )
  .requiredOption('--config <file>', "the node's configuration")
  .requiredOption('--name <name>', 'of the instance, as logs spell it')
  .requiredOption('--out <directory>', 'for ca.pem, web.pem and web.key')
  .option('--days <days>', 'that it is valid', Number, 366)
  .action(async (options: { config: string } & WebCertificateOptions) => {
    const { webCertificate } = await import('./web-certificate.ts');
    for (const line of await webCertificate(configOf(options), options)) process.stdout.write(`${line}\n`);
  });

program
  .command('join')
  .description('makes this machine a node, by a token from pop44 node token create')
  .requiredOption('--token-file <file>', 'file with the token')
  .option('--dir <directory>', 'for node.json, keys and certificates', places.dir)
  .option('--state-dir <directory>', 'of the half that faces the network; survives reboots', places.stateDir)
  .option('--run-dir <directory>', 'of the privileged half; does not', places.runDir)
  .option('--made-keys-dir <directory>', 'of the privileged half: keys that it makes', places.madeKeysDir)
  .option('--netns-transport <file>', 'network namespace of the uplink', '/run/netns/transport')
  .option('--netns-pop <file>', 'network namespace of the customers', '/run/netns/pop')
  // 1500 less 80 of WireGuard over IPv6.
  .option('--mesh-mtu <bytes>', 'of the management mesh', Number, 1_420)
  .action(async (options: JoinOptions) => {
    const { joinNetwork } = await import('./join.ts');
    for (const line of await joinNetwork(options)) process.stdout.write(`${line}\n`);
  });

try {
  await program.parseAsync();
  process.exit(0);
} catch (cause) {
  process.stderr.write(`pop44d: ${messageOf(cause)}\n`);
  process.exit(1);
}
