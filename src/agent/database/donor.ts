/** Streams a copy of the local server (`mariadb-backup`); one at a time. */
import type { ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { rm } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import { join } from 'node:path';
import { writeFileAtomic } from '#src/adapters/files/atomic.ts';
import { start } from '#src/adapters/process/run.ts';
import { agentAccount } from './accounts.ts';
import type { DatabaseMember } from './member.ts';
import { readPasswords } from './passwords.ts';

export class Donor {
  readonly #member: DatabaseMember;
  #busy = false;

  constructor(member: DatabaseMember) {
    this.#member = member;
  }

  get busy(): boolean {
    return this.#busy;
  }

  /**
   * Answers with the stream. An incomplete copy ends in a broken connection, never in a proper end.
   * Throws when one is under way already.
   */
  async stream(response: ServerResponse): Promise<void> {
    if (this.#busy) throw new Error('another copy is under way');
    this.#busy = true;
    const { config, log } = this.#member;
    const optionFile = join(this.#member.stateDirectory, `backup-${randomBytes(6).toString('hex')}.cnf`);
    try {
      const { agent } = await readPasswords(config.passwordsFile);
      const options = [
        '[client]',
        `socket=${config.socket}`,
        `user=${agentAccount}`,
        `password="${agent}"`,
        '',
      ];
      await writeFileAtomic(optionFile, options.join('\n'));
      const backup = start([
        'mariadb-backup',
        `--defaults-extra-file=${optionFile}`,
        '--backup',
        '--stream=mbstream',
        // At its end it stops commits and waits for its next look at the redo log: a second by default.
        '--log-copy-interval=10',
        `--datadir=${config.dataDirectory}`,
        `--target-dir=${this.#member.stateDirectory}`,
      ]);
      const outcome = await pipe(backup, response);
      log.info('copy given', { complete: outcome === undefined, reason: outcome });
    } finally {
      await rm(optionFile, { force: true });
      this.#busy = false;
    }
  }
}

/** Undefined when the whole copy was handed over; otherwise why not. */
function pipe(backup: ChildProcess, response: ServerResponse): Promise<string | undefined> {
  return new Promise((resolve) => {
    let errors = '';
    backup.stdin?.end();
    backup.stderr?.setEncoding('utf8').on('data', (text: string) => {
      errors = (errors + text).slice(-2_000);
    });
    response.writeHead(200, { 'content-type': 'application/octet-stream', 'cache-control': 'no-store' });
    backup.stdout?.pipe(response, { end: false });
    response.once('close', () => backup.kill('SIGKILL'));
    backup.once('error', (error) => {
      response.destroy();
      resolve(error.message);
    });
    backup.once('close', (code) => {
      if (code === 0 && !response.destroyed) {
        response.end();
        resolve(undefined);
        return;
      }
      response.destroy();
      resolve(
        code === 0 || code === null
          ? 'the receiver went away'
          : errors.trim().split('\n').slice(-3).join(' | '),
      );
    });
  });
}
