/** Log lines in logfmt on standard output, as the agents write them. */
export type LogValues = Readonly<Record<string, string | number | boolean | null | undefined>>;

export interface Log {
  info(message: string, values?: LogValues): void;
  warn(message: string, values?: LogValues): void;
  error(message: string, values?: LogValues): void;
}

export function createLog(write: (line: string) => void): Log {
  const line =
    (level: string) =>
    (msg: string, values: LogValues = {}): void => {
      const pairs = Object.entries({ time: new Date().toISOString(), level, msg, ...values });
      const text = pairs
        .filter(([, value]) => value !== undefined)
        .map(([key, value]) => `${key}=${quoted(String(value))}`)
        .join(' ');
      write(`${text}\n`);
    };
  return { info: line('info'), warn: line('warn'), error: line('error') };
}

function quoted(text: string): string {
  return /^[^\s"=\\]+$/.test(text) ? text : JSON.stringify(text);
}
