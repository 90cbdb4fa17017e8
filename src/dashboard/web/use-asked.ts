/** What a view asks the server for, again every so often while it is shown. */
import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import { ask, leaveIfOver } from './api.ts';

export interface AskedFor<T> {
  readonly answer: T | undefined;
  /** Why the latest attempt failed; the earlier answer stays. */
  readonly error: string | undefined;
  readonly again: () => void;
}

export function useAsked<T>(path: string, everyMs: number): AskedFor<T> {
  const [answer, setAnswer] = useState<T>();
  const [error, setError] = useState<string>();
  const isGone = useRef(false);
  const load = useCallback(async () => {
    try {
      const next = await ask<T>(path, { isPassive: true });
      if (isGone.current) return;
      setAnswer(next);
      setError(undefined);
    } catch (cause) {
      if (!leaveIfOver(cause) && !isGone.current) setError((cause as Error).message);
    }
  }, [path]);
  useEffect(() => {
    isGone.current = false;
    void load();
    const timer = setInterval(() => {
      if (!document.hidden) void load();
    }, everyMs);
    return () => {
      isGone.current = true;
      clearInterval(timer);
    };
  }, [load, everyMs]);
  return { answer, error, again: () => void load() };
}
