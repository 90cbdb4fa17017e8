/** `main.ts [CLIENT [SCRIPT]]`: prints what differs; for the work on a single difference. */
import { removeDirectories } from '#test/real/mariadb/server.ts';
import { clients } from './clients.ts';
import { compare } from './compare.ts';
import { corpus, sizeOf } from './corpus.ts';
import { Sides } from './servers.ts';

const [wantedClient = '', wantedScript = ''] = process.argv.slice(2);
const scripts = corpus.filter(({ name }) => new RegExp(wantedScript).test(name));
console.log(sizeOf(scripts));
const sides = await Sides.start();
try {
  for (const client of clients.filter(({ name }) => new RegExp(wantedClient).test(name))) {
    const before = await sides.selects();
    const beganMs = performance.now();
    const compared = await compare(client, scripts, sides).catch((error: unknown) => console.error(error));
    if (compared === undefined) continue;
    const { answers, errors, differences } = compared;
    const after = await sides.selects();
    // What follows in a script is mostly of the first difference's making.
    const firsts = differences.filter(
      ({ script }, at) => differences.findIndex((one) => one.script === script) >= at - 1,
    );
    for (const difference of firsts.slice(0, 80)) console.log(difference);
    console.log(
      `${client.name}: ${answers} answers (${errors} errors), ${differences.length} different, ` +
        `SELECTs on the primary ${after.primary - before.primary}, on the replica ${after.replica - before.replica}, ` +
        `${Math.round((performance.now() - beganMs) / 1_000)} s`,
    );
  }
} catch (error) {
  console.error(error);
  process.exitCode = 1;
} finally {
  if (sides.output.includes('bug')) console.log(sides.output.slice(-3_000));
  await sides.close();
  removeDirectories();
}
