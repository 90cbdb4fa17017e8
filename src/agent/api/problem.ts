/** Errors of the API as problem details (RFC 9457). */
import type { Context } from 'hono';
import { HTTPException } from 'hono/http-exception';
import type { ContentfulStatusCode } from 'hono/utils/http-status';

export function problem(
  context: Context,
  status: ContentfulStatusCode,
  title: string,
  detail: string,
): Response {
  return context.body(JSON.stringify({ type: 'about:blank', title, status, detail }), status, {
    'content-type': 'application/problem+json',
  });
}

/** For handlers: thrown, and answered as a problem. */
export class Problem extends HTTPException {
  readonly title: string;

  constructor(status: ContentfulStatusCode, title: string, detail: string) {
    super(status, { message: detail });
    this.title = title;
  }
}
