/** Figures and times as people read them. */

/** Per second: "0", "0.4", "12", "3.4k". */
export function rate(value: number | null | undefined): string {
  if (value === null || value === undefined) return '–';
  if (value === 0) return '0';
  if (value < 10) return value.toFixed(1);
  if (value < 1_000) return String(Math.round(value));
  return value < 100_000 ? `${(value / 1_000).toFixed(1)}k` : `${Math.round(value / 1_000)}k`;
}

export function milliseconds(value: number): string {
  if (value < 1) return `${value.toFixed(2)} ms`;
  if (value < 1_000) return `${value < 10 ? value.toFixed(1) : Math.round(value)} ms`;
  return value < 600_000 ? `${(value / 1_000).toFixed(1)} s` : `${Math.round(value / 60_000)} min`;
}

export function count(value: number): string {
  return Math.round(value).toLocaleString('en');
}

export function percent(share: number | null): string {
  return share === null ? '–' : `${Math.round(share * 100)} %`;
}

export function lag(seconds: number | null): string {
  return seconds === null
    ? 'lag unknown'
    : `${seconds < 10 ? Math.round(seconds * 10) / 10 : Math.round(seconds)} s behind`;
}

/** "14:03:07", with the date when it is not today. */
export function clock(atMs: number): string {
  const date = new Date(atMs);
  const time = date.toLocaleTimeString('en-GB');
  return date.toDateString() === new Date().toDateString()
    ? time
    : `${date.toLocaleDateString('en-CA')} ${time}`;
}

export function preciseClock(atMs: number): string {
  return `${clock(atMs)}.${String(Math.floor(atMs % 1_000)).padStart(3, '0')}`;
}

export function ago(atMs: number, nowMs: number): string {
  const seconds = Math.max(0, Math.round((nowMs - atMs) / 1_000));
  if (seconds < 120) return `${seconds} s ago`;
  if (seconds < 7_200) return `${Math.round(seconds / 60)} min ago`;
  return seconds < 172_800
    ? `${Math.round(seconds / 3_600)} h ago`
    : `${Math.round(seconds / 86_400)} days ago`;
}
