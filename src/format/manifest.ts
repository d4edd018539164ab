import type { Architecture, LayerWeightTypes } from './architecture.ts';
import type { RowType } from './layout.ts';

export interface FileEntry {
  readonly bytes: number;
  /** 64 lower-case hex digits. */
  readonly sha256: string;
}

/** `manifest.json`: described in model-shards/README.md. */
export interface Manifest {
  readonly format: 'm3edge/1';
  readonly model: {
    readonly name: string;
    readonly upstream: string;
    readonly revision: string | null;
    readonly licence: string;
  };
  readonly preset: 'q8' | 'q4';
  readonly architecture: Architecture;
  readonly tokenizer: { readonly bos: number; readonly pad: number; readonly eos: number; readonly unknown: number };
  readonly wordTable: { readonly pageRows: number; readonly type: RowType };
  readonly positionTable: { readonly pageRows: number; readonly type: RowType };
  readonly layers: readonly LayerWeightTypes[];
  readonly files: Readonly<Record<string, FileEntry>>;
}
