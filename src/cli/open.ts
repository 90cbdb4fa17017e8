import type { Command } from 'commander';
import { Stack } from '#src/provision/stack.ts';
import { resolveStack } from './resolve.ts';

/** The stack that a command works on, opened; apart from `resolve.ts`, so that `validate` loads none of it. */
export async function openStack(command: Command): Promise<Stack> {
  return Stack.open(await resolveStack(command));
}
