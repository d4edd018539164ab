import { ordinary, TARGETS } from '../../bench/tokenizer/report.ts';
import { runTokenizerBench } from '../../bench/tokenizer/run.ts';
import { bundleTokenizerWorker, startTokenizerWorker } from '../../bench/tokenizer/workerd.ts';
import { buildVocabulary } from '../../cli/tokenizer/build.ts';
import { createTokenizer } from '../../src/tokenizer/tokenizer.ts';
import { parseVocabulary } from '../../src/tokenizer/vocabulary.ts';
import { codePointTexts, hostileTexts } from '../../test/support/hostile-texts.ts';
import { compareWith } from '../../test/tokenizer/compare.ts';
import { fixtureUrl, readJson, tokenizerOf } from '../../test/tokenizer/fixtures.ts';
import { oracleAt } from '../../test/tokenizer/oracle.ts';
import { agrees, sharedVectors } from '../../test/tokenizer/vectors.ts';
import type { Finding } from '../check.ts';

const HOSTILE_TEXTS = 200_000;
const MOST_BYTES = 5_000_000;
/** vectors.json has ten texts whose ids are of the older pipeline: it says so itself. */
const MOST_EXPLAINED = 10;
const BENCH_ROUNDS = 5;

type Shared = NonNullable<ReturnType<typeof sharedVectors>>;

/** Issue 4: ids against Hugging Face tokenizers 0.23.2, in Node and in workerd; size, speed, worst cases. */
export async function* check(): AsyncGenerator<Finding> {
  const shared = sharedVectors();
  if (shared) yield* checkVectors(shared);
  else {
    yield skipped('generated.jsonl and vectors.json are identical, in Node and in workerd');
    yield skipped(`at most ${MOST_BYTES / 1e6} MB for 250k pieces`);
  }
  yield* checkHostile("the project's own vocabulary", fixtureUrl('micro-m3/tokenizer.json'), 1);
  if (shared) {
    yield* checkHostile("XLM-R's vocabulary", shared.tokenizerJson, 2);
    yield* checkSpeed();
  } else yield skipped('speed, load time and worst cases');
}

async function* checkVectors({ tokenizerJson, generated, fragments, collected }: Shared): AsyncGenerator<Finding> {
  const vocabulary = buildVocabulary({ kind: 'tokenizer.json', json: readJson(tokenizerJson) });
  yield finding(
    `at most ${MOST_BYTES / 1e6} MB for 250k pieces`,
    `${(vocabulary.length / 1e6).toFixed(2)} MB`,
    vocabulary.length <= MOST_BYTES,
  );
  const tokenizer = createTokenizer(parseVocabulary(vocabulary));
  const encode = (text: string) => [...tokenizer.encode(text).ids];
  const wrong = generated.filter((vector) => !agrees(vector, encode)).length;
  yield finding(
    'all of generated.jsonl identical',
    `${wrong} of ${generated.length} differ; ${fragments} lines of the file are fragments of texts and are left out`,
    wrong === 0,
  );
  const explained = collected.filter((vector) => !agrees(vector, encode)).map(({ text }) => text as string);
  const oracle = await oracleAt(tokenizerJson).encodeBatch(explained);
  const unlikeOracle = explained.filter((text, index) => String(encode(text)) !== String(oracle[index]!.getIds()));
  yield finding(
    'all of vectors.json identical except the ten it explains, and those as npm tokenizers has them',
    `${explained.length} of ${collected.length} are of the older pipeline; ${unlikeOracle.length} differ from npm tokenizers`,
    explained.length <= MOST_EXPLAINED && unlikeOracle.length === 0,
  );
  const texts = [...generated, ...collected].flatMap(({ text }) => text);
  bundleTokenizerWorker();
  const worker = await startTokenizerWorker();
  try {
    await worker.step('/file', vocabulary);
    await worker.step('/ready');
    await worker.step('/texts?name=vectors', JSON.stringify(texts));
    const ids = (await worker.step('/ids?name=vectors')) as number[][];
    const different = texts.filter((text, index) => String(ids[index]) !== String(encode(text))).length;
    yield finding('the same in workerd', `${different} of ${texts.length} differ from Node`, different === 0);
  } finally {
    await worker.stop();
  }
}

async function* checkHostile(name: string, tokenizerJson: URL, seed: number): AsyncGenerator<Finding> {
  const tokenizer = tokenizerOf(readJson(tokenizerJson));
  const oracle = oracleAt(tokenizerJson);
  const random = await compareWith(oracle, tokenizer, hostileTexts(seed, HOSTILE_TEXTS));
  const every = [
    await compareWith(oracle, tokenizer, codePointTexts(0, 0x3ffff)),
    await compareWith(oracle, tokenizer, codePointTexts(0xe0000, 0xe0fff)),
  ];
  for (const { differences } of [random, ...every]) for (const line of differences.slice(0, 3)) console.error(line);
  const total = [random, ...every].reduce((sum, { differences }) => sum + differences.length, 0);
  yield finding(
    `${name}: ${HOSTILE_TEXTS} hostile strings and every code point in two contexts, against npm tokenizers: ids, offsets, decoded texts`,
    `${total} differences in ${random.compared} strings and 2 x ${0x40000 + 0x1000} code points`,
    total === 0 && random.compared === HOSTILE_TEXTS,
  );
}

async function* checkSpeed(): AsyncGenerator<Finding> {
  const results = await runTokenizerBench(BENCH_ROUNDS);
  const speedOf = (subject: string) => results.megabytesPerSecond[subject]!.all!.median;
  for (const subject of ['m3edge', 'workerd']) {
    const where = subject === 'm3edge' ? 'in Node' : 'in workerd';
    for (const [peer, target] of [
      ['tokenizers', TARGETS.timesNative],
      ['sentencepiece-js', TARGETS.timesWasm],
    ] as const) {
      const times = speedOf(subject) / speedOf(peer);
      yield finding(
        `${where} at least ${target}x ${peer}`,
        `${times.toFixed(1)}x: ${speedOf(subject).toFixed(1)} against ${speedOf(peer).toFixed(2)} MB/s of CPU time`,
        times >= target,
      );
    }
  }
  const readyMs = results.load['m3edge in workerd']!.loadMs;
  yield finding(
    `ready in less than ${TARGETS.readyMs} ms in workerd`,
    `${readyMs.toFixed(1)} ms`,
    readyMs < TARGETS.readyMs,
  );
  const [name, times] = Object.entries(results.worst)
    .map(([input, perKiB]) => [input, Math.max(...perKiB) / ordinary(results)] as const)
    .reduce((a, b) => (b[1] > a[1] ? b : a));
  yield finding(
    `worst inputs within ${TARGETS.worstTimesOrdinary}x of English prose, a KiB`,
    `${times.toFixed(1)}x: ${name}`,
    times <= TARGETS.worstTimesOrdinary,
  );
}

const finding = (claim: string, figure: string, isMet: boolean): Finding => ({
  claim,
  figure,
  verdict: isMet ? 'ok' : 'short',
});

const skipped = (claim: string): Finding => ({ claim, figure: '../shared/data is not here', verdict: 'skipped' });
