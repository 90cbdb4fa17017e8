/** What the dashboard knows operators by: kept 0600 beside the other secrets, changed by `tandem dashboard`. */
import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import { readFileIfThere, writeFileAtomic } from '#src/adapters/files/atomic.ts';
import type { DashboardMaterial } from '#src/render/context.ts';
import { TandemError } from '#src/std/errors.ts';

export type DashboardAccess = Omit<DashboardMaterial, 'identity'>;

const schema = z.object({
  sessionKey: z.string().regex(/^[0-9a-f]{64}$/),
  passwords: z.record(z.string(), z.string()),
  tokens: z.array(
    z.object({
      id: z.string(),
      hash: z.string().regex(/^[0-9a-f]{64}$/),
      name: z.string(),
      scope: z.enum(['read', 'act']),
      untilMs: z.number(),
    }),
  ),
});

export async function loadOrCreateAccess(path: string): Promise<DashboardAccess> {
  const text = await readFileIfThere(path);
  if (text !== undefined) return parse(path, text);
  const access: DashboardAccess = {
    sessionKey: randomBytes(32).toString('hex'),
    passwords: {},
    tokens: [],
  };
  await saveAccess(path, access);
  return access;
}

export function saveAccess(path: string, access: DashboardAccess): Promise<void> {
  return writeFileAtomic(path, `${JSON.stringify(access, null, 2)}\n`);
}

function parse(path: string, text: string): DashboardAccess {
  try {
    return schema.parse(JSON.parse(text));
  } catch {
    // Nothing of the text goes into the message: it holds a key.
    throw new TandemError('material-unreadable', `${path} is damaged.`, {
      hint: 'Restore it from a backup, or remove it: operators then need new passwords (tandem up, tandem dashboard passwd).',
    });
  }
}
