import type { Architecture, LayerWeightTypes } from './architecture.ts';
import {
  EMBEDDINGS_FILE,
  HEADS_FILE,
  layerFile,
  planEmbeddingsLayout,
  planHeadsLayout,
  planLayerLayout,
  planPageLayout,
  planTableLayout,
  positionPageFile,
  type TableLayout,
  wordPageFile,
} from './layout.ts';

/** The parts of a manifest that decide which files there are. */
export interface ModelShape {
  readonly architecture: Architecture;
  readonly wordTable: { readonly pageRows: number; readonly type: 'i4' | 'i8' };
  readonly positionTable: { readonly pageRows: number; readonly type: 'i16' };
  readonly layers: readonly LayerWeightTypes[];
}

export function planWordTable({ architecture, wordTable }: ModelShape): TableLayout {
  return planTableLayout(architecture.vocabularySize, wordTable.pageRows, wordTable.type, architecture.hiddenSize);
}

export function planPositionTable({ architecture, positionTable }: ModelShape): TableLayout {
  return planTableLayout(
    architecture.positionCount,
    positionTable.pageRows,
    positionTable.type,
    architecture.hiddenSize,
  );
}

/** Every file but the manifest and `tokenizer.bin`, whose length is its own, with the length its layout has. */
export function* expectedFiles(shape: ModelShape): Generator<readonly [name: string, bytes: number]> {
  const { architecture, layers } = shape;
  yield [EMBEDDINGS_FILE, planEmbeddingsLayout(architecture).byteLength];
  yield [HEADS_FILE, planHeadsLayout(architecture).byteLength];
  for (const [layer, types] of layers.entries())
    yield [layerFile(layer), planLayerLayout(architecture, types).byteLength];
  const words = planWordTable(shape);
  for (let page = 0; page < words.pageCount; page++) yield [wordPageFile(page), planPageLayout(words, page).byteLength];
  const positions = planPositionTable(shape);
  for (let page = 0; page < positions.pageCount; page++)
    yield [positionPageFile(page), planPageLayout(positions, page).byteLength];
}
