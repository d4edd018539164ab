import { delimiter } from 'node:path';

/** Without what `npm run` puts first: whoever clones or installs the project has a Node of their own. */
const PATH = (process.env.PATH ?? '')
  .split(delimiter)
  .filter((directory) => !directory.includes('node_modules') && !directory.includes('node-gyp-bin'))
  .join(delimiter);

/** The environment of somebody who runs a command outside of this project's scripts. */
export const STRANGER_ENVIRONMENT = Object.fromEntries(
  Object.entries({ ...process.env, PATH }).filter(([name]) => !/^(npm_|MODEL$)/.test(name)),
) as NodeJS.ProcessEnv;
