/** Tandem's units as `systemctl show` tells of them (systemctl(1), org.freedesktop.systemd1(5), version 252). */
import type { ServiceState, ServiceStatus } from '#src/plan/observed.ts';
import { unitPrefix } from '#src/render/systemd.ts';

/** Properties to ask for. */
export const unitProperties =
  'Id,LoadState,ActiveState,SubState,Result,MainPID,NRestarts,ExecMainCode,ExecMainStatus,StateChangeTimestampMonotonic';

/** What a unit noted of what it was started from; undefined where there is no note. */
export interface UnitNotes {
  readonly definition?: string | undefined;
  readonly configuration?: string | undefined;
}

export interface ShowContext {
  /** Start of the monotonic clock, milliseconds since the Unix epoch. */
  readonly bootMs: number;
  readonly notes: (service: string) => UnitNotes;
}

/** The output of `systemctl show --property=… UNIT…`: a block of KEY=value lines for each unit. */
export function parseShow(text: string, context: ShowContext): readonly ServiceStatus[] {
  return text
    .split(/\n\n+/)
    .map(
      (block) =>
        new Map(block.split('\n').map((line) => [before(line, '='), line.slice(line.indexOf('=') + 1)])),
    )
    .filter((unit) => unit.get('Id')?.startsWith(unitPrefix) && unit.get('LoadState') !== 'not-found')
    .map((unit) => status(unit, context));
}

type Unit = ReadonlyMap<string, string>;

function status(unit: Unit, { bootMs, notes }: ShowContext): ServiceStatus {
  const name = before((unit.get('Id') ?? '').slice(unitPrefix.length), '.service');
  const state = stateOf(unit);
  const number = (key: string) => Number(unit.get(key) ?? 0);
  const pid = number('MainPID');
  const noted = notes(name);
  return {
    name,
    state,
    pid: pid === 0 ? null : pid,
    sinceMs: Math.round(bootMs + number('StateChangeTimestampMonotonic') / 1_000),
    restarts: number('NRestarts'),
    definition: noted.definition ?? null,
    configuration: noted.configuration ?? null,
    reason: state === 'running' || state === 'done' ? null : reasonOf(unit),
  };
}

/** This many restarts in a row that systemd made by itself show as a loop. */
const loopRestarts = 5;

function stateOf(unit: Unit): ServiceState {
  switch (unit.get('ActiveState')) {
    case 'active':
    case 'reloading':
      return unit.get('SubState') === 'exited' ? 'done' : 'running';
    case 'activating':
      return unit.get('SubState') === 'auto-restart' && Number(unit.get('NRestarts')) >= loopRestarts
        ? 'crash-loop'
        : 'starting';
    case 'failed':
      return 'failed';
    default:
      return 'stopped';
  }
}

/** Values of CLD_EXITED and its kind (siginfo(5)), by which systemd tells how the main process ended. */
const exited = '1';

function reasonOf(unit: Unit): string {
  const [result, code, exitStatus] = ['Result', 'ExecMainCode', 'ExecMainStatus'].map((key) => unit.get(key));
  if (result === 'timeout') return 'was not ready, or not ended, in its time';
  if (result === 'success' || result === undefined) return 'not running';
  if (code === undefined || code === '0') return `could not start (${result})`;
  return code === exited ? `ended with code ${exitStatus}` : `was ended by signal ${exitStatus}`;
}

function before(text: string, mark: string): string {
  const place = text.indexOf(mark);
  return place === -1 ? text : text.slice(0, place);
}
