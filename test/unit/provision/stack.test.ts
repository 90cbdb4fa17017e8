import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { Stack } from '#src/provision/stack.ts';
import { referenceSpec } from '#test/fixtures/spec.ts';

const directory = mkdtempSync(join(tmpdir(), 'tandem-stack-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

it('a stack that was never up is looked at without making secrets for it', async () => {
  const stateDirectory = join(directory, 'state');
  const spec = referenceSpec({ stack: 'never-up' });
  const file = join(directory, 'tandem.yaml');
  const stack = await Stack.open({ spec, file, directory: process.cwd(), stateDirectory });
  // As `upgrade --dry-run` does, outside of the lock.
  await expect(stack.services()).rejects.toMatchObject({ code: 'not-up' });
  expect(existsSync(stateDirectory)).toBe(false);
});
