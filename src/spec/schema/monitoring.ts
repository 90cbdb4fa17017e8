/** `monitoring`: Prometheus, Alertmanager and whom they tell. */
import { z } from 'zod';
import { headerSafe, path } from './values.ts';

const receiverUrl = z
  .string()
  .regex(
    /^https?:\/\/[A-Za-z0-9.-]+(?::[0-9]{1,5})?(?:\/[^\s"'\\]*)?$/,
    'should be a URL such as https://alerts.example.org/hook',
  )
  .meta({ title: 'an HTTP URL' });
const mailbox = z
  .string()
  .regex(/^[^\s@,<>"]+@[^\s@,<>"]+$/, 'should be an address such as ops@example.org')
  .meta({ title: 'an e-mail address' });

const webhook = z.strictObject({
  url: receiverUrl.describe('Gets a POST for each group of alerts, also when they resolve.'),
  bearerTokenFile: path
    .optional()
    .describe('File with a token for the header Authorization, relative to the stack file.'),
});

const email = z.strictObject({
  to: z.array(mailbox).min(1).describe('Who gets the mails.'),
  from: mailbox.describe('Sender of the mails.'),
  smtp: z
    .string()
    .regex(/^[A-Za-z0-9.-]+:[0-9]{1,5}$/, 'should be HOST:PORT such as mail.example.org:587')
    .describe('The mail server, HOST:PORT.'),
  tls: z
    .boolean()
    .default(true)
    .describe('Whether the mail server must offer TLS (STARTTLS; port 465: from the beginning).'),
  username: headerSafe.min(1).optional().describe('Account at the mail server.'),
  passwordFile: path.optional().describe('File with its password, relative to the stack file.'),
});

const thresholds = z
  .strictObject({
    lagSeconds: z.int().min(1).max(86_400).default(30).describe('A replica further behind than this.'),
    certificateDays: z
      .int()
      .min(1)
      .max(365)
      .default(21)
      .describe('A certificate that ends within so many days.'),
    diskPercent: z.int().min(10).max(99).default(85).describe('A file system that is fuller than this.'),
    memoryPercent: z.int().min(10).max(99).default(92).describe('A host with more of its memory in use.'),
    cpuPercent: z
      .int()
      .min(10)
      .max(100)
      .default(90)
      .describe('A host whose processors were busier than this for ten minutes.'),
    errorPercent: z
      .number()
      .min(0.01)
      .max(100)
      .default(2)
      .describe('More of the requests than this answered with 5xx for two minutes.'),
  })
  .prefault({})
  .describe('From where on an alert fires.');

const alerts = z
  .strictObject({
    webhooks: z.array(webhook).max(10).default([]).describe('Receivers by HTTP, as Alertmanager sends it.'),
    email: email.optional().describe('Receivers by e-mail.'),
    gatherSeconds: z
      .int()
      .min(10)
      .max(3_600)
      .default(60)
      .describe(
        'Alerts of one name and host within so many seconds come in one message; of these nobody gets more than one in this time.',
      ),
    repeatHours: z
      .int()
      .min(1)
      .max(168)
      .default(12)
      .describe('An alert that goes on is told again after so many hours.'),
    thresholds,
  })
  .prefault({})
  .describe('Who is told, and from where on. Without a receiver, alerts are shown but sent to nobody.');

export const monitoring = z
  .union([
    z.literal(false),
    z.strictObject({
      hosts: z
        .array(z.string())
        .min(1)
        .max(2)
        .optional()
        .describe(
          'Hosts with Prometheus and Alertmanager, each of which watches everything; by default the first two, balancers without a database first.',
        ),
      scrapeSeconds: z.int().min(5).max(60).default(15).describe('How often every figure is read.'),
      retentionDays: z.int().min(1).max(3_650).default(31).describe('How long figures are kept.'),
      retentionBytes: z
        .int()
        .min(67_108_864)
        .default(4_294_967_296)
        .describe('Disk that they may take on each of the two hosts; beyond it the oldest go.'),
      alerts,
    }),
  ])
  .prefault({})
  .describe('Prometheus, Alertmanager and exporters on the hosts; false: none of it.');
