/** The stack's identity and passwords: made once, kept for ever, completed when a later version needs more. */
import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import { readFileIfThere, writeFileAtomic } from '#src/adapters/files/atomic.ts';
import { TandemError } from '#src/std/errors.ts';

const schema = z.object({
  stackId: z.string().regex(/^[0-9a-f]{32}$/),
  passwords: z.object({ replication: z.string(), agent: z.string(), application: z.string() }).partial(),
  accounts: z.record(z.string(), z.string()).default({}),
});

export interface Secrets {
  readonly stackId: string;
  readonly passwords: { readonly replication: string; readonly agent: string; readonly application: string };
  /** By name, of `database.accounts`: also of those that are no longer there, for they may come back. */
  readonly accounts: Readonly<Record<string, string>>;
}

export async function loadOrCreateSecrets(path: string, accounts: readonly string[]): Promise<Secrets> {
  const text = await readFileIfThere(path);
  const found =
    text === undefined
      ? { stackId: randomBytes(16).toString('hex'), passwords: {}, accounts: {} }
      : parse(path, text);
  const secrets: Secrets = {
    stackId: found.stackId,
    passwords: {
      replication: found.passwords.replication ?? randomPassword(),
      agent: found.passwords.agent ?? randomPassword(),
      application: found.passwords.application ?? randomPassword(),
    },
    accounts: {
      ...found.accounts,
      ...Object.fromEntries(accounts.map((name) => [name, found.accounts[name] ?? randomPassword()])),
    },
  };
  const wanted = `${JSON.stringify(secrets, null, 2)}\n`;
  if (wanted !== text) await writeFileAtomic(path, wanted);
  return secrets;
}

function parse(path: string, text: string): z.output<typeof schema> {
  try {
    return schema.parse(JSON.parse(text));
  } catch {
    // Nothing of the text goes into the message: it holds passwords.
    throw new TandemError('material-unreadable', `${path} is damaged.`, {
      hint: 'Restore it from a backup: the running databases know the passwords in it. Without one: tandem down --purge, then up.',
    });
  }
}

/** 192 bits in letters, digits, - and _: safe in SQL, URLs and option files. */
function randomPassword(): string {
  return randomBytes(24).toString('base64url');
}
