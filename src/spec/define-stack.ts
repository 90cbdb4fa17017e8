import type { StackFile } from './schema.ts';

/** For `tandem.config.ts`: gives editors the types of the stack file. `export default defineStack({ … })`. */
export function defineStack(stack: StackFile): StackFile {
  return stack;
}
