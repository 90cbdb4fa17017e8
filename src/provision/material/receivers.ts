/** Secrets of the receivers of alerts: read from the user's files before anything is changed, all problems at once. */
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { Material } from '#src/render/context.ts';
import type { Spec } from '#src/spec/spec.ts';
import { type Issue, inputError } from '#src/std/errors.ts';

/** Rejects with an input error that has one issue per file. */
export async function readReceiverSecrets(spec: Spec, directory: string): Promise<Material['receivers']> {
  if (spec.monitoring === false) return { webhookTokens: [] };
  const { webhooks, email } = spec.monitoring.alerts;
  const issues: Issue[] = [];
  const read = async (file: string | undefined, path: string): Promise<string | undefined> => {
    if (file === undefined) return undefined;
    const name = resolve(directory, file);
    const problem = (message: string) =>
      issues.push({
        path,
        message: `${name} ${message}`,
        hint: 'Give a file that holds the secret, in one line.',
      });
    try {
      const secret = (await readFile(name, 'utf8')).trim();
      if (secret === '') problem('is empty');
      else if (/[\r\n]/.test(secret)) problem('has more than one line');
      return secret;
    } catch (error) {
      problem(`can't be read (${(error as NodeJS.ErrnoException).code ?? String(error)})`);
      return undefined;
    }
  };
  const webhookTokens: (string | undefined)[] = [];
  for (const [index, { bearerTokenFile }] of webhooks.entries())
    webhookTokens.push(await read(bearerTokenFile, `monitoring.alerts.webhooks.${index}.bearerTokenFile`));
  const emailPassword = await read(email?.passwordFile, 'monitoring.alerts.email.passwordFile');
  if (issues.length > 0)
    throw inputError('receiver-secret-unusable', "A secret of the alerts' receivers can't be used.", issues);
  return { webhookTokens, emailPassword };
}
