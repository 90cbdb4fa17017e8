/** Log lines in logfmt on standard output: `time=… level=… concern=… msg="…" key=value`. */

export type LogValue = string | number | boolean | null | undefined;
export type LogLevel = 'info' | 'warn' | 'error';

export interface Log {
  info(message: string, values?: Readonly<Record<string, LogValue>>): void;
  warn(message: string, values?: Readonly<Record<string, LogValue>>): void;
  error(message: string, values?: Readonly<Record<string, LogValue>>): void;
  /** The same log with `concern=name`. */
  of(concern: string): Log;
}

export function createLog(
  write: (line: string) => void,
  concern: string,
  now: () => Date = () => new Date(),
): Log {
  const line = (level: LogLevel, msg: string, values: Readonly<Record<string, LogValue>> = {}): void =>
    write(`${formatLine({ time: now().toISOString(), level, concern, msg, ...values })}\n`);
  return {
    info: (message, values) => line('info', message, values),
    warn: (message, values) => line('warn', message, values),
    error: (message, values) => line('error', message, values),
    of: (name) => createLog(write, name, now),
  };
}

export function formatLine(values: Readonly<Record<string, LogValue>>): string {
  return Object.entries(values)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => `${key}=${formatValue(String(value))}`)
    .join(' ');
}

function formatValue(text: string): string {
  return /^[^\s"=\\]+$/.test(text) ? text : JSON.stringify(text);
}
