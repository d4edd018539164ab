import { UserError } from '../user-error.ts';
import type { ByteSource } from './byte-source.ts';
import type { Checkpoint, ElementType } from './checkpoint.ts';
import { createTensorReader, type StoredTensor } from './elements.ts';
import { isJsonObject, type Json, type JsonObject, parseStrictJson } from './strict-json.ts';

const LENGTH_BYTES = 8;
/** BGE-M3's header has 48 KB for 391 tensors; the format itself allows 100 MB, which no encoder needs. */
const MAX_HEADER_BYTES = 8 * 1024 * 1024;
const MAX_DIMENSIONS = 8;

/** Bytes an element of every type that huggingface/safetensors 0.6 knows with whole bytes; what is not read must still add up. */
const TYPE_BYTES: Readonly<Record<string, number>> = {
  BOOL: 1,
  U8: 1,
  I8: 1,
  F8_E5M2: 1,
  F8_E4M3: 1,
  F8_E8M0: 1,
  I16: 2,
  U16: 2,
  F16: 2,
  BF16: 2,
  I32: 4,
  U32: 4,
  F32: 4,
  I64: 8,
  U64: 8,
  F64: 8,
  C64: 8,
};

/**
 * Reads a safetensors file: u64 header length, JSON header, then the tensors' bytes without gap or overlap.
 *
 * @throws UserError for whatever is not exactly that.
 * @see https://github.com/huggingface/safetensors#format
 */
export function openSafetensors(source: ByteSource): Checkpoint {
  const refuse = (what: string): never => {
    throw new UserError(`${source.name}: ${what}`);
  };
  if (source.byteLength < LENGTH_BYTES)
    refuse(`${source.byteLength} bytes are too few for a safetensors file; download it again`);
  const start = new Uint8Array(LENGTH_BYTES);
  source.read(0, start);
  if ((start[0] === 0x50 && start[1] === 0x4b) || (start[0] === 0x80 && start[1]! <= 5)) {
    refuse('this is a PyTorch file (zip or pickle), not safetensors; give it its own name, pytorch_model.bin');
  }
  const headerLength = new DataView(start.buffer).getBigUint64(0, true);
  const available = source.byteLength - LENGTH_BYTES;
  if (headerLength === 0n) refuse('header of 0 bytes');
  if (headerLength > BigInt(MAX_HEADER_BYTES))
    refuse(`header of ${headerLength} bytes, at most ${MAX_HEADER_BYTES} are read; not a safetensors file?`);
  const headerBytes = Number(headerLength);
  if (headerBytes > available)
    refuse(`header of ${headerBytes} bytes in a file with ${available} left; download it again`);

  const header = new Uint8Array(headerBytes);
  source.read(LENGTH_BYTES, header);
  if (header[0] !== 0x7b) refuse('the header does not begin with "{"');
  const json = parseStrictJson(header, `${source.name} header`);
  if (!isJsonObject(json)) return refuse('the header is not an object');
  return createTensorReader(
    source,
    parseTensors(json, available - headerBytes, LENGTH_BYTES + headerBytes, source.name),
  );
}

function parseTensors(
  header: JsonObject,
  dataBytes: number,
  dataStart: number,
  file: string,
): Map<string, StoredTensor> {
  const spans: { name: string; begin: number; end: number }[] = [];
  const tensors = new Map<string, StoredTensor>();
  for (const [name, entry] of Object.entries(header)) {
    if (name === '__metadata__') continue; // free text, unused here
    const refuse = (what: string): never => {
      throw new UserError(`${file}: tensor ${JSON.stringify(name.slice(0, 200))}: ${what}`);
    };
    if (!isJsonObject(entry)) return refuse('its entry is not an object');
    const extra = Object.keys(entry).find((key) => key !== 'dtype' && key !== 'shape' && key !== 'data_offsets');
    if (extra !== undefined) refuse(`unknown field ${JSON.stringify(extra.slice(0, 80))}`);
    const { dtype, shape, data_offsets: offsets } = entry;
    const elementBytes =
      typeof dtype === 'string' && Object.hasOwn(TYPE_BYTES, dtype)
        ? TYPE_BYTES[dtype]!
        : refuse(`unknown dtype ${show(dtype)}`);
    if (!isCounts(shape) || shape.length > MAX_DIMENSIONS)
      return refuse(`shape ${show(shape)}, wanted at most ${MAX_DIMENSIONS} whole numbers`);
    if (!isCounts(offsets) || offsets.length !== 2) return refuse(`data_offsets ${show(offsets)}, wanted [begin, end]`);
    const [begin, end] = offsets as [number, number];
    if (begin > end || end > dataBytes)
      refuse(`data_offsets [${begin}, ${end}] in ${dataBytes} bytes of data; download the file again`);
    const wanted = shape.reduce((product, dimension) => product * dimension, elementBytes);
    if (wanted !== end - begin) refuse(`${dtype} [${shape}] takes ${wanted} bytes, data_offsets hold ${end - begin}`);
    const type: ElementType = dtype === 'F32' || dtype === 'F16' || dtype === 'BF16' ? dtype : 'other';
    spans.push({ name, begin, end });
    tensors.set(name, { type, shape, begin: dataStart + begin });
  }
  spans.sort((a, b) => a.begin - b.begin || a.end - b.end);
  let at = 0;
  for (const { name, begin, end } of spans) {
    if (begin !== at)
      throw new UserError(
        `${file}: tensor ${JSON.stringify(name)} begins at ${begin}, the one before ends at ${at}: a gap or an overlap`,
      );
    at = end;
  }
  if (at !== dataBytes)
    throw new UserError(`${file}: ${dataBytes} bytes of data, the tensors take ${at}; download it again`);
  return tensors;
}

function isCounts(value: Json | undefined): value is number[] {
  return Array.isArray(value) && value.every((count) => Number.isSafeInteger(count) && (count as number) >= 0);
}

const show = (value: Json | undefined) => JSON.stringify(value)?.slice(0, 80) ?? 'missing';
