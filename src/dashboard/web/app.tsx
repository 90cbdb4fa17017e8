/** The frame around the views: what the stack is, how it is, which view is shown, who looks. */
import type { JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { ActsView } from './acts/acts-view.tsx';
import { ask, forgetSession } from './api.ts';
import type { Cell, Live } from './live.ts';
import { useCell } from './live.ts';
import { MapView } from './map/map-view.tsx';
import { SqlView } from './sql-view.tsx';
import { StoryView } from './story-view.tsx';
import { ThemeButton } from './theme.tsx';
import { TimeView } from './time/time-view.tsx';

const views = {
  map: { title: 'Map', show: MapView },
  time: { title: 'Time', show: TimeView },
  story: { title: 'Story', show: StoryView },
  sql: { title: 'SQL', show: SqlView },
  acts: { title: 'Acts', show: ActsView },
} as const satisfies Record<string, { title: string; show: (props: Live) => JSX.Element }>;

type ViewName = keyof typeof views;

/** The view is in the address (`#story`), so that back, forward and bookmarks work. */
function useView(): ViewName {
  const read = (): ViewName => {
    const name = location.hash.slice(1);
    return Object.hasOwn(views, name) ? (name as ViewName) : 'map';
  };
  const [view, setView] = useState(read);
  useEffect(() => {
    const changed = () => setView(read());
    addEventListener('hashchange', changed);
    return () => removeEventListener('hashchange', changed);
  }, []);
  return view;
}

export function App({ live }: { live: Cell<Live> }) {
  const now = useCell(live);
  const view = useView();
  const { title, show: View } = views[view];
  useEffect(() => {
    document.title = `${now.state.healthy ? '' : '⚠ '}${now.state.stack} · ${title}`;
  }, [title, now.state.healthy, now.state.stack]);
  return (
    <>
      <a class="skip" href={`#${view}`} onClick={focusMain}>
        Skip to the view
      </a>
      <Header {...now} view={view} />
      <main id="main" tabIndex={-1} aria-labelledby="view-title">
        <h1 id="view-title" class="visually-hidden">
          {title} of {now.state.stack}
        </h1>
        <View {...now} />
      </main>
      <Footer {...now} />
    </>
  );
}

function focusMain(event: Event): void {
  event.preventDefault();
  document.querySelector<HTMLElement>('#main')?.focus();
}

function Header({ state, session, isLive, view }: Live & { view: ViewName }) {
  return (
    <header class="top">
      <div class="brand">
        <Logo />
        <strong>{state.stack}</strong>
        <Health state={state} isLive={isLive} />
      </div>
      <nav aria-label="Views">
        {(Object.keys(views) as ViewName[]).map((name) => (
          <a key={name} href={`#${name}`} aria-current={name === view ? 'page' : undefined}>
            {views[name].title}
          </a>
        ))}
      </nav>
      <div class="who">
        <span title={`Role: ${session.role}`}>
          {session.name} <span class="soft">{session.role === session.name ? '' : session.role}</span>
        </span>
        <ThemeButton />
        {session.via === 'session' && (
          <button type="button" class="quiet" onClick={() => void logOut()}>
            Log out
          </button>
        )}
      </div>
    </header>
  );
}

async function logOut(): Promise<void> {
  await ask('/session', { method: 'DELETE' }).catch(() => undefined);
  forgetSession();
  location.assign('/login');
}

/** Shape and words, not only colour. */
function Health({ state, isLive }: Pick<Live, 'state' | 'isLive'>) {
  if (!isLive) {
    return (
      <span class="pill pill-wait" role="status">
        <span aria-hidden="true">◌</span> reconnecting
      </span>
    );
  }
  const count = state.problems.length;
  return (
    <span class={`pill ${state.healthy ? 'pill-good' : 'pill-bad'}`} role="status">
      <span aria-hidden="true">{state.healthy ? '●' : '▲'}</span>{' '}
      {state.healthy ? 'healthy' : `${count} ${count === 1 ? 'problem' : 'problems'}`}
    </span>
  );
}

function Logo() {
  return (
    <svg width="22" height="22" viewBox="0 0 22 22" aria-hidden="true">
      <circle cx="7" cy="14" r="5" class="logo" />
      <circle cx="15" cy="14" r="5" class="logo" />
      <path d="M7 14 L11 5 L15 14" class="logo" />
    </svg>
  );
}

function Footer({ state, notes }: Live) {
  return (
    <footer class="bottom">
      <p class="soft">
        Shown by {state.servedBy} · {state.site.url}
      </p>
      <p class="visually-hidden" aria-live="polite">
        {notes[0]?.text ?? ''}
      </p>
    </footer>
  );
}
