/** When a started service may be called ready. */
import { spawn } from 'node:child_process';
import { connect } from 'node:net';
import type { Readiness } from '#src/render/service.ts';

const probeTimeoutMs = 2_000;
/** A process without a better sign is ready when it has lived this long: a wrong argument shows at once. */
const settleMs = 50;

/** One look. `aliveMs`: age of the process. Never rejects. */
export function isReady(readiness: Readiness, aliveMs: number): Promise<boolean> {
  switch (readiness.kind) {
    case 'process':
      return Promise.resolve(aliveMs >= settleMs);
    case 'tcp':
      return canConnect({ host: readiness.address, port: readiness.port });
    case 'socket':
      return canConnect({ path: readiness.path });
    case 'command':
      return succeeds(readiness.command);
    default:
      return readiness satisfies never;
  }
}

function canConnect(target: { host: string; port: number } | { path: string }): Promise<boolean> {
  return new Promise((done) => {
    const socket = connect(target);
    const fail = () => {
      socket.destroy();
      done(false);
    };
    socket.setTimeout(probeTimeoutMs, fail);
    socket.on('error', fail);
    socket.once('connect', () => {
      done(true);
      // Taken leave of politely: a reset in the middle of a greeting is an error to the service, and ends a simple one.
      socket.resume();
      socket.end();
    });
  });
}

function succeeds(command: readonly string[]): Promise<boolean> {
  return new Promise((done) => {
    const [program = '', ...words] = command;
    const child = spawn(program, words, { stdio: 'ignore', timeout: probeTimeoutMs, killSignal: 'SIGKILL' });
    child.once('error', () => done(false));
    child.once('exit', (code) => done(code === 0));
  });
}

/** Pause before the next look: quick at first, because most services are ready within 100 ms. */
export function pollDelayMs(looks: number): number {
  return Math.min(250, 20 + Math.max(0, looks - 10) * 10);
}
