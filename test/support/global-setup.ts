/** Runs once, before the first test file. */
import { join } from 'node:path';
import { referenceStack, repository } from './lab.ts';
import { removeLeftovers } from './leftovers.ts';

export default async function setup(): Promise<void> {
  for (const name of await removeLeftovers(join(repository, 'tandem'), referenceStack)) {
    console.log(`took down the lab ${name}, which an earlier run had left`);
  }
}
