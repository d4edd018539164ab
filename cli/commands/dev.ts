import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { defineCommand } from 'citty';
import { fingerprintOf } from '../../src/format/fingerprint.ts';
import { chooseModel } from '../choose-model.ts';
import { findWrangler, prepareWorkspace } from '../installation.ts';
import { LOCAL_STATE } from '../local-storage.ts';
import { migrateLocal } from '../migrate-local.ts';
import { ENGINE_OPTION, findOnnxRuntime } from '../onnx-engine.ts';
import { parsePort } from '../parse-options.ts';
import { stageModel } from '../stage-model.ts';
import { stagePage } from '../stage-page.ts';
import { UserError } from '../user-error.ts';

/** `assets.directory` of wrangler.toml. */
export const ASSETS_DIRECTORY = 'dist/assets';

export const devCommand = defineCommand({
  meta: { name: 'dev', description: 'Serve a model on this machine, in the runtime of Cloudflare Workers' },
  args: {
    model: { type: 'string', valueHint: 'DIR', description: 'Model directory' },
    engine: ENGINE_OPTION,
    port: { type: 'string', default: '8787', valueHint: 'N', description: 'Port on localhost' },
    state: {
      type: 'string',
      default: LOCAL_STATE,
      valueHint: 'DIR',
      description: 'Where databases, queues and buckets are kept',
    },
    assets: { type: 'string', valueHint: 'DIR', description: 'Where to stage model and page; default dist/assets' },
  },
  async run({ args }) {
    const port = parsePort(args.port);
    await checkPort(port);
    const wrangler = findWrangler();
    if (args.engine === 'onnx') findOnnxRuntime();
    const model = await chooseModel(args.model);
    const workspace = prepareWorkspace();
    const assets = args.assets ? resolve(args.assets) : join(workspace, ASSETS_DIRECTORY);
    const manifest = stageModel(model, assets);
    stagePage(assets);
    const start = () =>
      startWrangler(wrangler, workspace, [
        ...['--port', String(port), '--assets', assets, '--persist-to', resolve(args.state)],
        ...['--env', args.engine === 'onnx' ? 'onnx' : ''], // an environment of wrangler.toml
        ...['--inspector-port', '0'], // wrangler looks for a free one, and two that start together find the same
      ]);
    let server = start();
    let isStopping = false;
    const stop = stopWithUs(
      () => server,
      () => {
        isStopping = true;
      },
    );
    // Beside the server, which needs longer to come up.
    const makesTables = args.engine === 'onnx' ? false : migrateLocal(resolve(args.state));
    let [isHealthy, hasMadeTables] = await Promise.all([untilHealthy(port, server), makesTables]).catch((error) => {
      stop('SIGTERM');
      throw error;
    });
    if (!isHealthy && hasMadeTables && !isStopping) {
      console.error('m3edge: the server ended while the new database was made; it is started again');
      server = start();
      isHealthy = await untilHealthy(port, server);
    }
    if (isHealthy) {
      const fingerprint = await fingerprintOf(manifest);
      const { ok: isOpen } = await fetch(`http://127.0.0.1:${port}/info`);
      const model = `${manifest.model.name}, ${manifest.preset}, fingerprint ${fingerprint}`;
      console.log(`\n${describe(port, model, isOpen)}\n`);
      if (manifest.model.demo) console.log(`${DEMO_NOTICE}\n`);
    }
    if (isRunning(server)) await once(server, 'exit');
    process.exitCode = isStopping ? 0 : (server.exitCode ?? 1);
  },
});

/** What a constructed model can and cannot do, and how to have the trained one. */
const DEMO_NOTICE = `This is the demo model: it knows words, not meaning. The real one, BAAI/bge-m3, from Hugging Face:
  npx m3edge model pull`;

/** @throws UserError where something listens on the port already: wrangler would pick another one. */
async function checkPort(port: number): Promise<void> {
  const probe = createServer();
  try {
    await once(probe.listen(port, '127.0.0.1'), 'listening');
  } catch (cause) {
    throw new UserError(`port ${port} is in use; choose another with --port`, { cause });
  }
  probe.close();
  await once(probe, 'close');
}

/** Unlike a deployed Worker, this one is open where there are no API_KEYS (in .dev.vars); wrangler prints requests itself. */
const LOCAL_VARIABLES = ['--var', 'ALLOW_ANONYMOUS:admin', '--var', 'ACCESS_LOG:off'];

/** In a process group of its own, so that wrangler's own children can be ended with it. */
function startWrangler(wrangler: string, workspace: string, options: readonly string[]): ChildProcess {
  const fixed = [...LOCAL_VARIABLES, '--show-interactive-dev-session=false'];
  return spawn(process.execPath, [wrangler, 'dev', ...options, ...fixed], {
    cwd: workspace,
    detached: true,
    stdio: ['ignore', 'inherit', 'inherit'],
    env: {
      ...process.env,
      WRANGLER_SEND_METRICS: 'false',
      CLOUDFLARE_CF_FETCH_ENABLED: 'false', // it would ask Cloudflare for an example of request.cf
      WRANGLER_HIDE_BANNER: 'true',
    },
  });
}

const STOP_SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
/** wrangler takes about one second to end by itself. */
const PATIENCE_MS = 5000;

const isRunning = ({ exitCode, signalCode }: ChildProcess) => exitCode === null && signalCode === null;

/** @returns What the signals do. */
function stopWithUs(running: () => ChildProcess, onStop: () => void): (signal: NodeJS.Signals) => void {
  const stop = (signal: NodeJS.Signals) => {
    onStop();
    signalGroup(running(), signal);
    setTimeout(() => signalGroup(running(), 'SIGKILL'), PATIENCE_MS).unref();
  };
  for (const signal of STOP_SIGNALS) process.on(signal, stop);
  process.on('exit', () => signalGroup(running(), 'SIGKILL'));
  stopWithNpm(() => stop('SIGTERM'));
  return stop;
}

/** `npm start` passes SIGTERM to a shell that dies of it and tells nobody. */
function stopWithNpm(stop: () => void): void {
  if (process.env.npm_lifecycle_event === undefined) return;
  const shell = process.ppid;
  const watch = setInterval(() => {
    if (process.ppid === shell) return;
    clearInterval(watch);
    stop();
  }, 500);
  watch.unref();
}

function signalGroup({ pid }: ChildProcess, signal: NodeJS.Signals): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, signal);
  } catch {
    // nobody of the group is left
  }
}

const STARTING_MS = 150;
const BROKEN_MS = 3000;

/** Asks until the model is loaded; what is wrong with it is printed once. */
async function untilHealthy(port: number, server: ChildProcess): Promise<boolean> {
  let shown = '';
  while (isRunning(server)) {
    await sleep(shown === '' ? STARTING_MS : BROKEN_MS);
    const response = await fetch(`http://127.0.0.1:${port}/health`).catch(() => undefined);
    if (response?.ok) return true;
    const problem = problemIn(await response?.text());
    if (problem && problem !== shown) console.error(`m3edge: the model cannot be served: ${problem}`);
    shown = problem ?? shown;
  }
  return false;
}

/** The message of our own error body; wrangler answers in text while the Worker does not build. */
function problemIn(body: string | undefined): string | undefined {
  try {
    return JSON.parse(body ?? '').error.message;
  } catch {
    return undefined;
  }
}

function describe(port: number, model: string, isOpen: boolean): string {
  const url = `http://localhost:${port}`;
  return `m3edge serves ${model}
  ${url}, ${isOpen ? 'open: whoever reaches it may do everything' : 'for those who have a key of API_KEYS'}
  curl -s ${url}/encode -H 'content-type: application/json' \\
    -d '{"texts": ["What is BGE M3?"], "return_sparse": true}'`;
}
