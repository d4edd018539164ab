import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Writes THIRD_PARTY.md: node scripts/third-party.ts. test/third-party.test.ts says when. */

const root = fileURLToPath(new URL('..', import.meta.url));
/** Not installed beside the package, but part of what it holds: the page's script. */
const BUNDLED = ['preact'];
const file = join(root, 'THIRD_PARTY.md');

interface LockedPackage {
  readonly version: string;
  readonly license?: string;
  readonly dependencies?: Readonly<Record<string, string>>;
}

interface ProjectManifest {
  readonly dependencies: Readonly<Record<string, string>>;
  readonly optionalDependencies: Readonly<Record<string, string>>;
  readonly peerDependencies: Readonly<Record<string, string>>;
}

const read = (path: string) => readFileSync(join(root, path), 'utf8');

/** What the project and everything below it depend on, each name once, in order. */
function closure(names: Iterable<string>, packages: Readonly<Record<string, LockedPackage>>): string[] {
  const found = new Set<string>();
  const visit = (name: string) => {
    if (found.has(name)) return;
    found.add(name);
    Object.keys(packages[`node_modules/${name}`]?.dependencies ?? {}).forEach(visit);
  };
  for (const name of names) visit(name);
  return [...found].sort();
}

function licenceText(name: string): string {
  const directory = join('node_modules', name);
  const found = readdirSync(join(root, directory)).find((entry) => /^licen[cs]e(\.md|\.txt)?$/i.test(entry));
  if (!found) throw new Error(`${directory} holds no licence; add its text to scripts/licences`);
  return read(join(directory, found)).trim();
}

/** Whether a file of `directory` imports the package. */
function isImportedBelow(directory: string, name: string): boolean {
  return readdirSync(join(root, directory), { recursive: true, encoding: 'utf8' }).some(
    (entry) =>
      entry.endsWith('.ts') && new RegExp(`(from|import\\()\\s*'${name}['/]`).test(read(join(directory, entry))),
  );
}

function usersOf(name: string): string {
  if (BUNDLED.includes(name)) return 'the page';
  const users = [isImportedBelow('src', name) && 'the Worker', isImportedBelow('cli', name) && 'the command line'];
  return users.filter(Boolean).join(', ') || 'another package of this table';
}

const quoted = (text: string) => `\`\`\`text\n${text}\n\`\`\``;

/** @throws Error where a dependency has no licence. */
export function thirdPartyNotices(): string {
  const { dependencies, optionalDependencies, peerDependencies }: ProjectManifest = JSON.parse(read('package.json'));
  const { packages }: { packages: Record<string, LockedPackage> } = JSON.parse(read('package-lock.json'));
  const locked = (name: string) => packages[`node_modules/${name}`]!;
  const names = [...closure(Object.keys(dependencies), packages), ...BUNDLED].sort();
  const beside = { ...optionalDependencies, ...peerDependencies };
  const rows = names.map((name) => {
    const { version, license = 'see below' } = locked(name);
    return `| ${name} | ${version} | ${license} | ${usersOf(name)} |`;
  });
  const besideRows = Object.entries(beside).map(([name, range]) => {
    return `| ${name} | ${range} | ${locked(name).license ?? 'see the package'} |`;
  });
  const texts = names.map((name) => `### ${name}\n\n${quoted(licenceText(name))}`);
  return `# What m3edge uses of others

Written by \`node scripts/third-party.ts\`. m3edge itself is under the MIT licence, see [LICENSE](LICENSE).

## Packages

The published package holds no code of other packages but the page's: npm installs them beside it. A deployed Worker does hold what it imports of
them, because wrangler bundles it. The licences are printed in full below.

| package | version | licence | used by |
| --- | --- | --- | --- |
${rows.join('\n')}

Installed beside these as optional or peer dependencies, with their notices; only a Worker with the onnx engine holds code of one,
onnxruntime-web:

| package | version | licence |
| --- | --- | --- |
${besideRows.join('\n')}

The kernels in \`build/\` are compiled by AssemblyScript (Apache-2.0) from \`assembly/\` alone: they use the compiler's built-in instructions and
nothing of its library. Their polynomial coefficients come from \`scripts/fit-kernels.ts\`.

## Data

| data | where | origin |
| --- | --- | --- |
| a vocabulary of 8,000 pieces, \`micro-spm.model\`, and the \`tokenizer.json\` and \`sentencepiece.bpe.model\` made of it | \`test/fixtures\`, \`cli/demo\` | trained for this project on the Universal Declaration of Human Rights, which is in the public domain |
| parts of words, \`pieces.txt\` | \`cli/demo\`, \`model-shards/demo\` | counted by \`scripts/demo-pieces.ts\` in Unicode CLDR 48.2, Unicode-3.0: the npm packages \`cldr-annotations-full\` and \`cldr-localenames-full\` |
| common Thai words and Chinese characters, the first line of \`pieces.txt\` | the same | chosen by \`scripts/demo-pieces.ts\` from the npm package \`stopwords-iso\` 1.1.0, MIT |
| the demo's other pieces | \`model-shards/demo\` | single characters that \`m3edge model demo\` enumerates by Unicode blocks and with the runtime's text decoders |
| the demo's weights | \`model-shards/demo\` | constructed by \`m3edge model demo\`, not trained on anything |
| the character map \`nmt_nfkc\` inside that vocabulary | the same | SentencePiece, Apache-2.0, computed from Unicode's normalisation data, Unicode-3.0 |
| grapheme classes | \`cli/tokenizer/grapheme-classes.ts\` | the properties of Unicode 17, Unicode-3.0, as Hugging Face \`tokenizers\` (Apache-2.0) answers them |
| weights of \`micro-m3\` and \`micro-m3-bin\` | \`test/fixtures\` | random, made for this project; their \`golden.json\` was computed with transformers and torch, \`peer-onnxruntime.json\` with onnxruntime |
| calibration and evaluation texts | \`cli/calibrate\`, \`cli/fidelity\` | written for this project |

BGE-M3 (BAAI, MIT) and its vocabulary, XLM-RoBERTa's (Meta AI, MIT), are not part of m3edge. A model directory made from a checkpoint stays
under the checkpoint's licence, which its manifest names.

## Licences of the packages

${texts.join('\n\n')}

## Licences of the data

### Unicode-3.0

${quoted(read('scripts/licences/Unicode-3.0.txt').trim())}

### MIT, of stopwords-iso

${quoted(read('scripts/licences/MIT-stopwords-iso.txt').trim())}

### Apache-2.0

${quoted(read('scripts/licences/Apache-2.0.txt').trim())}
`;
}

if (import.meta.main) writeFileSync(file, thirdPartyNotices());
