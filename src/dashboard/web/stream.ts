/**
 * The stream of events, over `fetch`: `EventSource` can't send the header that a session needs. Taken up again by itself
 * when it ends, or when it is silent for longer than the server's sign of life: a host that lost its power says nothing.
 */
import { csrf, leaveIfOver, Refusal } from './api.ts';

export interface StreamHandlers {
  readonly onEvent: (kind: string, data: string) => void;
  readonly onConnection: (isLive: boolean) => void;
}

const silenceMs = 4_500;
const openMs = 2_500;
const longestPauseMs = 2_000;

/** Runs for as long as the page does. */
export async function followEvents(handlers: StreamHandlers): Promise<never> {
  let lastId = '';
  let pauseMs = 100;
  for (;;) {
    try {
      await follow(handlers, lastId, (id) => {
        lastId = id;
        pauseMs = 100;
      });
    } catch (error) {
      leaveIfOver(error);
    }
    handlers.onConnection(false);
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
    pauseMs = Math.min(longestPauseMs, pauseMs * 2);
  }
}

async function follow(handlers: StreamHandlers, lastId: string, seen: (id: string) => void): Promise<void> {
  const abort = new AbortController();
  let timer = setTimeout(() => abort.abort(), openMs);
  try {
    const response = await fetch('/api/v1/events', {
      headers: {
        'x-tandem-csrf': csrf(),
        'x-tandem-passive': '1',
        ...(lastId === '' ? {} : { 'last-event-id': lastId }),
      },
      signal: abort.signal,
      cache: 'no-store',
    });
    if (!response.ok || response.body === null) throw new Refusal(response.status, await response.text());
    handlers.onConnection(true);
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = '';
    for (;;) {
      clearTimeout(timer);
      timer = setTimeout(() => abort.abort(), silenceMs);
      const { done, value } = await reader.read();
      if (done) return;
      const blocks = (rest + value).split('\n\n');
      rest = blocks.pop() ?? '';
      for (const block of blocks) take(block, handlers, seen);
    }
  } finally {
    clearTimeout(timer);
    abort.abort();
  }
}

function take(block: string, handlers: StreamHandlers, seen: (id: string) => void): void {
  const fields = new Map<string, string>();
  for (const line of block.split('\n')) {
    const at = line.indexOf(': ');
    if (at > 0) fields.set(line.slice(0, at), line.slice(at + 2));
  }
  const [kind, data, id] = [fields.get('event'), fields.get('data'), fields.get('id')];
  if (id !== undefined) seen(id);
  if (kind !== undefined && data !== undefined) handlers.onEvent(kind, data);
}
