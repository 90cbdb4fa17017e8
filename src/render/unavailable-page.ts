/** What a browser gets while no web host can answer: a whole HTTP response, as HAProxy's `errorfile` wants it. */

const page = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta http-equiv="refresh" content="5">
<title>Back in a moment</title>
<style>
  body { font: 1.1rem/1.6 system-ui, sans-serif; max-width: 32rem; margin: 20vh auto; padding: 0 1rem; color: #222 }
  @media (prefers-color-scheme: dark) { body { background: #161616; color: #ddd } }
</style>
<h1>Back in a moment</h1>
<p>The site cannot answer right now. This page tries again by itself every five seconds.</p>
</html>
`;

export const unavailableAnswer = [
  'HTTP/1.1 503 Service Unavailable',
  'cache-control: no-store',
  'retry-after: 5',
  'content-type: text/html; charset=utf-8',
  `content-length: ${page.length}`,
  '',
  page,
].join('\r\n');
