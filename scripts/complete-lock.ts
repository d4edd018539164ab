import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/**
 * Adds to package-lock.json the optional packages of other systems that the registry did not have when it was written: npm leaves them out, and
 * `npm ci` then refuses the lock. Run after every change of the lock; test/lock.test.ts says when.
 */

interface LockedPackage {
  version?: string;
  cpu?: string[];
  os?: string[];
  libc?: string[];
  dev?: boolean;
  optional?: boolean;
  optionalDependencies?: Record<string, string>;
}

interface Lock {
  packages: Record<string, LockedPackage>;
}

export interface Missing {
  readonly path: string;
  readonly entry: LockedPackage;
}

/** Optional dependencies that no entry of the lock answers. */
export function findMissing({ packages }: Lock): Missing[] {
  const missing: Missing[] = [];
  for (const [path, { optionalDependencies = {}, dev }] of Object.entries(packages)) {
    for (const [name, version] of Object.entries(optionalDependencies)) {
      if (isLocked(packages, path, name)) continue;
      const { cpu, libc, os } = platformOf(name);
      const entry = { version, cpu, ...(dev && { dev }), ...(libc && { libc }), optional: true, os }; // in npm's own order
      missing.push({ path: `node_modules/${name}`, entry });
    }
  }
  return missing;
}

/** As Node resolves it: in the dependent's own node_modules, then in those above. */
function isLocked(packages: Lock['packages'], dependent: string, name: string): boolean {
  const places = [dependent];
  for (let at = dependent.lastIndexOf('/node_modules/'); at > 0; at = dependent.lastIndexOf('/node_modules/', at - 1)) {
    places.push(dependent.slice(0, at));
  }
  places.push('');
  return places.some((place) => `${place}${place && '/'}node_modules/${name}` in packages);
}

/** Such packages carry their system in their name: `workerd-darwin-arm64`, `cli-linux-x64-musl`. */
function platformOf(name: string): Pick<LockedPackage, 'cpu' | 'os' | 'libc'> {
  const found = /(darwin|windows|win32|linux|android|freebsd)-(64|x64|arm64)(-musl)?$/.exec(name);
  if (!found) throw new Error(`${name}: no system in the name; add it to package-lock.json by hand`);
  const [, system, cpu, musl] = found;
  return {
    cpu: [cpu === '64' ? 'x64' : cpu!],
    os: [system === 'windows' ? 'win32' : system!],
    ...(musl && { libc: ['musl'] }),
  };
}

const lockFile = fileURLToPath(new URL('../package-lock.json', import.meta.url));

export function readLock(): Lock {
  return JSON.parse(readFileSync(lockFile, 'utf8'));
}

if (import.meta.main) {
  const lock = readLock();
  const missing = findMissing(lock);
  for (const { path, entry } of missing) lock.packages[path] = entry;
  lock.packages = Object.fromEntries(Object.entries(lock.packages).sort(([a], [b]) => (a < b ? -1 : 1)));
  writeFileSync(lockFile, `${JSON.stringify(lock, undefined, 2)}\n`);
  console.log(missing.length === 0 ? 'nothing is missing' : missing.map(({ path }) => `added ${path}`).join('\n'));
}
