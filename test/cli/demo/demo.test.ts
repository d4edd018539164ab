import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { writeDemo } from '../../../cli/demo/demo.ts';
import { computeScores } from '../../../src/compute-score.ts';
import { openModel } from '../../support/models.ts';

const committed = fileURLToPath(new URL('../../../model-shards/demo', import.meta.url));
const embedder = await openModel(committed);

describe('model-shards/demo', () => {
  it('is what m3edge model demo writes, byte for byte', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'm3edge-demo-'));
    try {
      await writeDemo(join(directory, 'demo'));
      const names = readdirSync(committed);
      expect(readdirSync(join(directory, 'demo'))).toEqual(names);
      for (const name of names) {
        expect(readFileSync(join(directory, 'demo', name)).equals(readFileSync(join(committed, name))), name).toBe(
          true,
        );
      }
    } finally {
      rmSync(directory, { recursive: true });
    }
  });

  it('says that it is the demo, and has at most 8 MB', () => {
    expect(embedder.manifest.model.demo).toBe(true);
    const bytes = readdirSync(committed).reduce((sum, name) => sum + readFileSync(join(committed, name)).length, 0);
    expect(bytes).toBeLessThan(8e6);
  });

  it.each([
    ['English', 'the bridge over the river', 'a bridge crosses the river', 'my neighbour bakes bread'],
    ['German', 'die Brücke über den Fluss', 'eine Brücke über einem Fluss', 'mein Nachbar backt Brot'],
    ['Russian', 'мост через реку', 'новый мост через реку', 'мой сосед печёт хлеб'],
    ['Greek', 'η γέφυρα στο ποτάμι', 'μια γέφυρα στο ποτάμι', 'ο γείτονας ψήνει ψωμί'],
    ['Arabic', 'الجسر فوق النهر', 'جسر جديد فوق النهر', 'جاري يخبز الخبز'],
    ['Chinese', '河上的桥', '一座新桥在河上', '邻居烤面包'],
    ['Korean', '강 위의 다리', '새 다리 강 위의', '이웃이 빵을 굽는다'],
  ])('puts %s texts that share words above one that does not, in all three modes', async (_, query, near, far) => {
    const { scores } = await computeScores(embedder, [
      [query, near],
      [query, far],
    ]);
    for (const mode of ['dense', 'sparse', 'colbert'] as const) {
      expect(scores[0]![mode], mode).toBeGreaterThan(scores[1]![mode]);
    }
  });

  it('knows every letter of kana and Hebrew, and the common Hangul', () => {
    const letters = (first: number, last: number) =>
      Array.from({ length: last - first + 1 }, (_, i) => String.fromCodePoint(first + i)).join(' ');
    const hangul = '한국어는 아름다운 언어입니다 서울에서 부산까지 기차를 타고 갔습니다';
    for (const text of [letters(0x3042, 0x3093), letters(0x30a2, 0x30f3), letters(0x5d0, 0x5ea), hangul]) {
      expect([...embedder.tokenizer.encode(text).ids]).not.toContain(embedder.manifest.tokenizer.unknown);
    }
  });
});
