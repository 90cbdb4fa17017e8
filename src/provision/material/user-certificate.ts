/** The user's own certificate for the site: read and checked before anything is changed, all problems at once. */
import { createPrivateKey } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { userCertificateProblems } from '#src/adapters/tls/inspect.ts';
import type { KeyPair } from '#src/render/context.ts';
import { type Issue, inputError } from '#src/std/errors.ts';

export interface UserCertificateFiles {
  readonly certificateFile: string;
  readonly keyFile: string;
}

const issuePaths = {
  certificate: 'site.certificate.certificateFile',
  key: 'site.certificate.keyFile',
} as const;

/** Rejects with an input error that has one issue per problem. */
export async function readUserCertificate(
  files: UserCertificateFiles,
  domain: string,
  directory: string,
  nowMs: number,
): Promise<KeyPair> {
  const named = {
    certificate: resolve(directory, files.certificateFile),
    key: resolve(directory, files.keyFile),
  };
  const issues: Issue[] = [];
  const read = async (file: 'certificate' | 'key'): Promise<string> => {
    try {
      return await readFile(named[file], 'utf8');
    } catch (error) {
      issues.push({ path: issuePaths[file], ...unreadable(named[file], error) });
      return '';
    }
  };
  const pair = { certificate: await read('certificate'), key: await read('key') };
  if (issues.length === 0) {
    for (const problem of userCertificateProblems(pair, domain, nowMs)) {
      issues.push({
        path: issuePaths[problem.file],
        message: `${named[problem.file]} ${problem.message}`,
        hint: problem.hint,
      });
    }
  }
  if (issues.length > 0) {
    throw inputError('certificate-unusable', "The site's certificate can't be used.", issues);
  }
  return { certificate: pair.certificate, key: toPkcs8(pair.key) };
}

function unreadable(path: string, error: unknown): { message: string; hint: string } {
  const code = (error as NodeJS.ErrnoException).code ?? 'error';
  const reason =
    code === 'ENOENT'
      ? 'there is no such file'
      : code === 'EACCES'
        ? 'no permission'
        : `reading failed (${code})`;
  return { message: `can't read ${path}: ${reason}`, hint: 'Give a path relative to the stack file.' };
}

/** SEC 1 and PKCS #1 keys are taken too, and handed on in the one form that every program here reads. */
function toPkcs8(key: string): string {
  return createPrivateKey(key).export({ type: 'pkcs8', format: 'pem' }).toString();
}
