/** What dpkg and apt print, read. */

/** Names of the installed packages, from lines of "STATUS NAME" (dpkg-query's `${db:Status-Abbrev} ${Package}`). */
export function parseInstalled(text: string): ReadonlySet<string> {
  const lines = text.split('\n').filter((line) => /^.i/.test(line));
  return new Set(lines.map((line) => line.trim().split(/\s+/)[1] ?? ''));
}

/** What of apt's output is worth showing: its complaints, or, without any, its last lines. */
export function lastWords(output: readonly string[]): readonly string[] {
  const complaints = output.filter((line) => complaint.test(line));
  return (complaints.length > 0 ? complaints : output).slice(-8);
}

const complaint = /^(?:E:|W:|dpkg: error| .*(?:Depends|Conflicts|Breaks):)/;

/** The packages that apt complains about by name; all that were asked for when it names none. */
export function brokenPackages(output: readonly string[], asked: readonly string[]): readonly string[] {
  const complaints = output.filter((line) => complaint.test(line));
  const named = asked.filter((name) =>
    complaints.some((line) => line.split(/[\s:'",]+/).some((word) => word === name)),
  );
  return named.length > 0 ? named : asked;
}

/** Names of systemd units (no templates) and init scripts among the files of packages. */
export function serviceFiles(files: readonly string[]): {
  readonly units: readonly string[];
  readonly scripts: readonly string[];
} {
  return {
    units: matches(files, /^(?:\/usr)?\/lib\/systemd\/system\/([^/@]+\.(?:service|socket|timer|path))$/),
    scripts: matches(files, /^\/etc\/init\.d\/([^/]+)$/),
  };
}

function matches(files: readonly string[], pattern: RegExp): readonly string[] {
  return [...new Set(files.flatMap((file) => pattern.exec(file)?.[1] ?? []))];
}
