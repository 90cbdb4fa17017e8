/** Light, dark, or as the system has it; remembered by this browser. */
import { useState } from 'preact/hooks';

const key = 'tandem-theme';
const choices = ['system', 'light', 'dark'] as const;
type Theme = (typeof choices)[number];

function read(): Theme {
  const found = localStorage.getItem(key);
  return choices.find((choice) => choice === found) ?? 'system';
}

function apply(theme: Theme): void {
  if (theme === 'system') delete document.documentElement.dataset['theme'];
  else document.documentElement.dataset['theme'] = theme;
}

apply(read());

export function ThemeButton() {
  const [theme, setTheme] = useState(read);
  const next = choices[(choices.indexOf(theme) + 1) % choices.length] ?? 'system';
  const change = () => {
    localStorage.setItem(key, next);
    apply(next);
    setTheme(next);
  };
  const sign = { system: '◐', light: '○', dark: '●' }[theme];
  return (
    <button type="button" class="quiet" onClick={change} aria-label={`Theme: ${theme}; change to ${next}`}>
      <span aria-hidden="true">{sign}</span>
    </button>
  );
}
