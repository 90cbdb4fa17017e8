/** Brings a test's lab up in a process of its own, so that a test can kill it half-way. */
import { openLab, sleeper } from './fixture.ts';

const [stack = '', number = '', hosts = '', stateDirectory = ''] = process.argv.slice(2);
const lab = openLab(stack, Number(number), Number(hosts), stateDirectory);
await Promise.all(lab.hosts.map((host) => host.prepare()));
for (const host of lab.hosts) {
  await host.define([sleeper('one'), sleeper('two')]);
  for (const name of ['one', 'two']) await host.control(name, 'start');
}
