/** Reads the files that a plan changes, as they are on the hosts, and compares them with what is wanted. */
import { diffLines } from '#src/plan/file-diff.ts';
import type { HostPlan } from '#src/plan/plan.ts';
import type { HostDriver } from './host-driver.ts';

/** By path: lines of a diff. Without secrets, and without what can't be read. */
export type FileDiffs = ReadonlyMap<string, readonly string[]>;

/** A line of base64 for each file; an empty one for what is not there. */
const script = 'for path; do base64 -w0 -- "$path" 2>/dev/null; echo; done';

export async function readDiffs(plan: HostPlan, driver: Pick<HostDriver, 'run'>): Promise<FileDiffs> {
  const shown = plan.steps.flatMap((step) =>
    step.kind === 'file' && step.change === 'changed' && !step.secret ? [step.path] : [],
  );
  if (shown.length === 0) return new Map();
  const { stdout } = await driver.run(['sh', '-c', script, 'sh', ...shown]);
  const texts = stdout.split('\n').map((line) => Buffer.from(line, 'base64').toString());
  const diffs = shown.map((path, index) => {
    const wanted = plan.write.find((file) => file.path === path)?.content ?? '';
    return [path, diffLines(texts[index] ?? '', wanted)] as const;
  });
  return new Map(diffs.filter(([, lines]) => lines.length > 0));
}
