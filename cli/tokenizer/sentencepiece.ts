import { SPECIAL_TEXTS } from '../../src/tokenizer/vocabulary.ts';
import { UserError } from '../user-error.ts';
import { MAX_PIECES, type Piece, type Pipeline } from './pipeline.ts';

// Field numbers and values of sentencepiece_model.proto.
const MODEL = { pieces: 1, trainerSpec: 2, normalizerSpec: 3 };
const PIECE = { text: 1, score: 2, type: 3 };
const PIECE_TYPE = { normal: 1, unknown: 2, control: 3, userDefined: 4 };
const TRAINER = { modelType: 3, byteFallback: 35 };
const UNIGRAM = 1;
const NORMALIZER = { charsmap: 2 };
const WIRE = { varint: 0, fixed64: 1, bytes: 2, fixed32: 5 };

/**
 * Reads `sentencepiece.bpe.model` with the ids that XLM-R gives it (fairseq's): `<s>` 0, `<pad>` 1, `</s>` 2, `<unk>` 3, then the model's own
 * pieces from its fourth on, and `<mask>` last. The pipeline around the pieces is BGE-M3's.
 *
 * @throws UserError if it is not a unigram model that begins with `<unk>`, `<s>`, `</s>`.
 */
export function readSentencepiece(bytes: Uint8Array): Pipeline {
  const own: Piece[] = [];
  let charsmap: Uint8Array | undefined;
  for (const field of messageFields(bytes)) {
    if (field.number === MODEL.pieces) {
      if (own.length === MAX_PIECES) throw damaged(`more than ${MAX_PIECES} pieces`);
      own.push(readPiece(bytesOf(field), own.length));
    } else if (field.number === MODEL.trainerSpec) {
      checkTrainer(bytesOf(field));
    } else if (field.number === MODEL.normalizerSpec) {
      for (const inner of messageFields(bytesOf(field)))
        if (inner.number === NORMALIZER.charsmap) charsmap = bytesOf(inner);
    }
  }
  if (!charsmap || charsmap.length === 0) throw damaged('no character map');
  const { bos, pad, eos, unknown, mask } = SPECIAL_TEXTS;
  const head = own.slice(0, 3).map((piece) => piece.text);
  if (head.join(' ') !== [unknown, bos, eos].join(' '))
    throw damaged(`its first pieces are ${head.join(' ').slice(0, 60)}`);
  const pieces = [bos, pad, eos, unknown].map((text) => ({ text, score: 0 }));
  for (const piece of own.slice(3)) pieces.push(piece);
  const maskId = pieces.push({ text: mask, score: 0 }) - 1;
  return {
    pieces,
    special: { bos: 0, pad: 1, eos: 2, unknown: 3, mask: maskId },
    charsmap,
    collapseSpaces: true,
    splitWhitespace: false,
    maskStripsLeft: true,
  };
}

function readPiece(bytes: Uint8Array, index: number): Piece {
  let text: string | undefined;
  let score = 0;
  let type = PIECE_TYPE.normal;
  for (const field of messageFields(bytes)) {
    if (field.number === PIECE.text) text = utf8(bytesOf(field), index);
    else if (field.number === PIECE.score && field.wire === WIRE.fixed32) {
      score = new DataView(bytes.buffer, bytes.byteOffset + field.start, 4).getFloat32(0, true);
    } else if (field.number === PIECE.type) type = field.value;
  }
  if (text === undefined) throw damaged(`piece ${index} has no text`);
  const wanted = index === 0 ? PIECE_TYPE.unknown : index < 3 ? PIECE_TYPE.control : PIECE_TYPE.normal;
  if (type !== wanted) throw damaged(`piece ${index} is of type ${type}, not ${wanted}`);
  return { text, score };
}

function checkTrainer(bytes: Uint8Array): void {
  for (const field of messageFields(bytes)) {
    if (field.number === TRAINER.modelType && field.value !== UNIGRAM)
      throw damaged(`model type ${field.value}, not unigram`);
    if (field.number === TRAINER.byteFallback && field.value !== 0) throw damaged('it falls back to bytes');
  }
}

interface Field {
  readonly number: number;
  readonly wire: number;
  /** Of a varint. */
  readonly value: number;
  /** Of anything else. */
  readonly start: number;
  readonly bytes: Uint8Array | undefined;
}

/** The fields of a protobuf message. */
function* messageFields(message: Uint8Array): Generator<Field> {
  let position = 0;
  const varint = (): number => {
    let value = 0;
    for (let scale = 1; position < message.length && scale < 2 ** 64; scale *= 128) {
      const byte = message[position++]!;
      value += (byte & 127) * scale;
      if (byte < 128) return value;
    }
    throw damaged('a number does not end');
  };
  while (position < message.length) {
    const tag = varint();
    const wire = tag % 8;
    const number = Math.floor(tag / 8);
    let value = 0;
    let length = 0;
    if (wire === WIRE.varint) value = varint();
    else if (wire === WIRE.bytes) length = varint();
    else if (wire === WIRE.fixed32) length = 4;
    else if (wire === WIRE.fixed64) length = 8;
    else throw damaged(`a field of wire type ${wire}`);
    const start = position;
    if (length > message.length - position)
      throw damaged(`a field of ${length} bytes, ${message.length - position} are left`);
    position += length;
    yield { number, wire, value, start, bytes: wire === WIRE.bytes ? message.subarray(start, position) : undefined };
  }
}

function bytesOf(field: Field): Uint8Array {
  if (!field.bytes) throw damaged(`field ${field.number} is of wire type ${field.wire}`);
  return field.bytes;
}

function utf8(bytes: Uint8Array, index: number): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw damaged(`piece ${index} is not UTF-8`);
  }
}

function damaged(reason: string): UserError {
  return new UserError(`sentencepiece.bpe.model: ${reason}; download it again, or tokenizer.json`);
}
