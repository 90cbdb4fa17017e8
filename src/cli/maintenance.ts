import type { Command } from 'commander';
import { askDatabase } from './database.ts';
import { openStack } from './open.ts';
import { print } from './output.ts';

export function register(program: Command): void {
  const maintenance = program
    .command('maintenance')
    .description('while it is on, nothing fails over by itself');
  maintenance
    .command('on')
    .description('no automatic failover, no switchover; what runs goes on')
    .action(async (_options: unknown, self: Command) => {
      await askDatabase(await openStack(self), { method: 'PUT', path: '/v1/database/maintenance' });
      print("Maintenance is on: nothing fails over, and alerts are silent, until 'tandem maintenance off'.");
    });
  maintenance
    .command('off')
    .description('failovers happen again')
    .action(async (_options: unknown, self: Command) => {
      await askDatabase(await openStack(self), { method: 'DELETE', path: '/v1/database/maintenance' });
      print('Maintenance is off.');
    });
}
