import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { create } from '@bufbuild/protobuf';
import { SMTPServer, type SMTPServerOptions } from 'smtp-server';
import { afterAll, expect, test } from 'vitest';
import { realClock } from '#internal/clock/clock.ts';
import { MailSchema, MailTemplate } from '#internal/gen/pop44/store/v1/people_pb.ts';
import { createCa, issueNodeCertificate } from '#internal/identity/identity.ts';
import { compose, type MailSettings, openTransport } from './mail.ts';

const folder = mkdtempSync(join(tmpdir(), 'pop44-mail-'));
afterAll(() => rmSync(folder, { recursive: true }));
const validity = { now: new Date(), validForMs: 3_600_000 };
const ca = await createCa('mail', validity);
const { certificatePem, privateKeyPem } = await issueNodeCertificate(
  ca,
  { id: 'mx', addresses: ['127.0.0.1'] },
  validity,
);
const at = (name: string, text: string, mode = 0o600): string => {
  writeFileSync(join(folder, name), text, { mode });
  return join(folder, name);
};
const caFile = at('ca.pem', ca.certificatePem);
const passwordFile = at('password', 'let me send\n');

interface Received {
  readonly from: string;
  readonly to: readonly string[];
  readonly text: string;
  readonly secure: boolean;
  readonly user: string;
}

/** A real server: nodemailer's sibling. */
async function server(options: SMTPServerOptions = {}) {
  const received: Received[] = [];
  const smtp = new SMTPServer({
    ...{ key: privateKeyPem, cert: certificatePem, authOptional: true, disableReverseLookup: true, logger: false },
    onAuth: ({ username, password }, _, done) =>
      password === 'let me send' ? done(null, { user: username }) : done(new Error('no')),
    onData(stream, session, done) {
      const parts: Buffer[] = [];
      stream.on('data', (part: Buffer) => parts.push(part));
      stream.on('end', () => {
        const { mailFrom, rcptTo } = session.envelope;
        received.push({
          from: mailFrom === false ? '' : (mailFrom?.address ?? ''),
          to: rcptTo.map(({ address }) => address),
          text: Buffer.concat(parts).toString('utf8'),
          secure: session.secure,
          user: String(session.user ?? ''),
        });
        done();
      });
    },
    ...options,
  });
  smtp.on('error', () => {});
  await new Promise<void>((ready) => smtp.listen(0, '127.0.0.1', () => ready()));
  const { port } = smtp.server.address() as AddressInfo;
  return { port, received, [Symbol.asyncDispose]: () => new Promise<void>((done) => smtp.close(() => done())) };
}

type Smtp = NonNullable<MailSettings['smtp']>;
const through = (smtp: Partial<Smtp> & { readonly port: number }) =>
  openTransport(
    { from: 'connect@example.org', maildir: folder, smtp: { host: '127.0.0.1', tls: 'none', caFile, ...smtp } },
    realClock,
  );
const mail = { to: 'ada@example.net', subject: 'pop44: confirm', text: 'Code: x\n' };

test.each([
  ['in clear, to a server of this machine', { tls: 'none' }, {}, false],
  ['by STARTTLS', { tls: 'starttls' }, {}, true],
  ['by TLS from the first byte', { tls: 'tls' }, { secure: true }, true],
] as const)('a real SMTP server takes a mail %s [T2]', async (_, client, options, secure) => {
  await using smtp = await server(options);
  // A password goes over TLS alone (config.test.ts).
  const transport = through({ port: smtp.port, ...client, ...(secure && { user: 'pop44', passwordFile }) });
  await transport.send(mail);
  transport.close();
  expect(smtp.received).toMatchObject([
    {
      from: 'connect@example.org',
      to: ['ada@example.net'],
      secure,
      user: secure ? 'pop44' : '',
    },
  ]);
  const [head = '', body = ''] = (smtp.received[0]?.text ?? '').split('\r\n\r\n');
  expect(head).toMatch(/^Subject: pop44: confirm$/m);
  expect(head).toMatch(/^To: ada@example\.net$/m);
  expect(head).toMatch(/^Auto-Submitted: auto-generated$/m);
  expect(head).toMatch(/^Message-ID: <.+>$/m);
  expect(body).toContain('Code: x');
});

test('a server that does not speak TLS, or whose certificate is of nobody, gets no mail when TLS is asked for', async () => {
  await using plain = await server({ hideSTARTTLS: true, disabledCommands: ['STARTTLS'] });
  await expect(through({ port: plain.port, tls: 'starttls' }).send(mail)).rejects.toMatchObject({ code: 'mail-later' });
  await using other = await server();
  const nobody = openTransport(
    { from: 'a@example.org', maildir: folder, smtp: { host: '127.0.0.1', port: other.port, tls: 'starttls' } },
    realClock,
  );
  await expect(nobody.send(mail)).rejects.toMatchObject({ code: 'mail-later' });
  expect([plain.received, other.received]).toEqual([[], []]);
});

test.each([
  [550, 'mail-refused'],
  [553, 'mail-refused'],
  [421, 'mail-later'],
  [451, 'mail-later'],
  [554, 'mail-later'],
])('an answer of %d is %s, and neither the address nor the text stands in the fault', async (responseCode, code) => {
  const onRcptTo: SMTPServerOptions['onRcptTo'] = ({ address }, _, done) =>
    done(Object.assign(new Error(`no ${address} here`), { responseCode }));
  await using smtp = await server({ onRcptTo });
  const thrown = await through({ port: smtp.port })
    .send(mail)
    .catch((error: unknown) => error);
  expect(thrown).toMatchObject({ code, message: `the mail server answered ${responseCode}` });
});

test('a server that is away, or a wrong password, is for later', async () => {
  const gone = await server();
  await gone[Symbol.asyncDispose]();
  await expect(through({ port: gone.port }).send(mail)).rejects.toMatchObject({
    code: 'mail-later',
    message: expect.stringContaining('ESOCKET') as unknown,
  });
  await using smtp = await server();
  const wrong = at('wrong', 'guess');
  const transport = through({ port: smtp.port, tls: 'starttls', user: 'pop44', passwordFile: wrong });
  await expect(transport.send(mail)).rejects.toMatchObject({
    code: 'mail-later',
    message: 'the mail server answered 535',
  });
});

test('a password file that is missing or that others can read is told at the start [S5]', () => {
  const smtp = { port: 25, user: 'pop44', passwordFile: join(folder, 'nowhere') };
  expect(() => through(smtp)).toThrow(/node\.mail\.smtp\.passwordFile.*ENOENT/);
  const loose = at('loose', 'x', 0o644);
  expect(() => through({ ...smtp, passwordFile: loose })).toThrow(/chmod 600/);
});

test('a maildir has whole mails alone, for their owner to read', async () => {
  const maildir = join(folder, 'maildir');
  const transport = openTransport({ from: 'pop44@p1.invalid', maildir }, realClock);
  await Promise.all(Array.from({ length: 20 }, () => transport.send(mail)));
  const names = readdirSync(join(maildir, 'new'));
  expect([names.length, readdirSync(join(maildir, 'tmp')).length]).toEqual([20, 0]);
  const [name = ''] = names;
  expect(name).toMatch(/^\d+\.\d+_[0-9a-f]{16}\.pop44$/);
  expect(statSync(join(maildir, 'new', name)).mode & 0o777).toBe(0o600);
  expect(readFileSync(join(maildir, 'new', name), 'utf8')).toMatch(/^From: pop44@p1\.invalid\n/m);
});

test('hostile names and addresses make no header and no second recipient', async () => {
  await using smtp = await server();
  const transport = through({ port: smtp.port });
  const hostile = [
    { ...mail, subject: 'x\r\nBcc: eve@example.com\r\n\r\nbody' },
    { ...mail, to: 'ada@example.net\r\nRCPT TO:<eve@example.com>' },
    { ...mail, to: 'ada@example.net, eve@example.com' },
    { ...mail, text: '\r\n.\r\nMAIL FROM:<eve@example.com>\r\n' },
  ];
  for (const each of hostile) await transport.send(each).catch(() => undefined);
  transport.close();
  expect(smtp.received.length).toBeGreaterThan(0);
  for (const { to, text } of smtp.received) {
    expect(to.join()).not.toContain('eve@example.com,');
    expect(to.every((address) => !address.startsWith('eve@'))).toBe(true);
    expect(text.split('\r\n\r\n')[0]).not.toMatch(/^Bcc:/im);
  }
});

const signUp = { callsign: 'OE1XYZ', email: 'ada@example.net', passwordHash: 'never shown' };
const around = { networkName: 'ardc', publicUrl: '', callsign: '', secret: 'S'.repeat(43) };
const job = (template: MailTemplate, fields: object = { signUp }) =>
  create(MailSchema, { template, to: 'ada@example.net', language: 'en', ...fields });

test('a mail says what it is about, its code, and its link where there is a site', () => {
  const verify = compose(job(MailTemplate.VERIFY), around);
  expect(verify).toMatchObject({ to: 'ada@example.net', subject: 'ardc: confirm your address' });
  expect(verify?.text).toContain('pop44 account verify');
  expect(verify?.text).not.toContain('https://');
  const linked = compose(job(MailTemplate.RESET, { userId: 'aaaaaaaaaaaa' }), {
    ...around,
    publicUrl: 'https://c.example.org',
    callsign: 'OE1XYZ',
  });
  expect(linked?.text).toContain(`https://c.example.org/reset#${'S'.repeat(43)}`);
  for (const template of [MailTemplate.KNOWN, MailTemplate.TAKEN, MailTemplate.APPROVED])
    expect(compose(job(template), around)?.text).not.toContain('SSSS');
  expect(compose(job(MailTemplate.NOTHING), around)).toBeUndefined();
  for (const template of [1, 2, 3, 4, 5, 6] as const)
    expect(compose(job(template), around)?.text ?? '').not.toContain('never shown');
});
