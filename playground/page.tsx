import { render } from 'preact';
import { settingsOfPage } from './fragment.ts';
import { Playground } from './parts/playground.tsx';

const settings = await settingsOfPage();
render(<Playground initial={settings} />, document.getElementById('page')!);
