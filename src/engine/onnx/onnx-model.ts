/** Element types by their number in ONNX's `TensorProto.DataType`. */
const ELEMENT_TYPE = { float32: 1, uint8: 2, int8: 3, int32: 6, int64: 7 } as const;
export type ElementType = keyof typeof ELEMENT_TYPE;

export interface OnnxNode {
  readonly op: string;
  /** Empty for ONNX's own operators. */
  readonly domain?: string;
  /** Names; an empty one leaves an optional input out. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  /** A number is stored as float, a bigint as integer, an array as integers. */
  readonly attributes?: Readonly<Record<string, number | bigint | readonly bigint[]>>;
}

/** A graph input or output; a dimension given as a name is free. */
export interface OnnxValue {
  readonly type: ElementType;
  readonly shape: readonly (number | string)[];
}

/** Little-endian bytes of a tensor that is part of the model. */
export interface OnnxConstant {
  readonly type: ElementType;
  readonly shape: readonly number[];
  readonly bytes: Uint8Array;
}

export interface OnnxGraph {
  readonly inputs: Readonly<Record<string, OnnxValue>>;
  readonly outputs: Readonly<Record<string, OnnxValue>>;
  readonly constants: Readonly<Record<string, OnnxConstant>>;
  readonly nodes: readonly OnnxNode[];
}

/** onnxruntime's own operators: quantised products, fused attention, GELU. */
export const CONTRIB = 'com.microsoft';

const IR_VERSION = 8;
const OPSETS: readonly (readonly [domain: string, version: number])[] = [
  ['', 17],
  [CONTRIB, 1],
];

/**
 * A `ModelProto`. Field numbers are those of onnx.proto; only what this project's graphs need is written.
 *
 * @see https://github.com/onnx/onnx/blob/main/onnx/onnx.proto
 */
export function encodeOnnxModel(graph: OnnxGraph): Uint8Array<ArrayBuffer> {
  const opsets = OPSETS.map(([domain, version]) => bytesField(8, text(1, domain), integer(2, version)));
  return concat([integer(1, IR_VERSION), ...opsets, bytesField(7, ...graphFields(graph))]);
}

function graphFields({ nodes, constants, inputs, outputs }: OnnxGraph): Uint8Array[] {
  return [
    ...nodes.map((node) => bytesField(1, ...nodeFields(node))),
    text(2, 'm3edge'),
    ...Object.entries(constants).map(([name, constant]) => bytesField(5, ...constantFields(name, constant))),
    ...Object.entries(inputs).map(([name, value]) => bytesField(11, ...valueFields(name, value))),
    ...Object.entries(outputs).map(([name, value]) => bytesField(12, ...valueFields(name, value))),
  ];
}

function nodeFields({ op, domain = '', inputs, outputs, attributes = {} }: OnnxNode): Uint8Array[] {
  return [
    ...inputs.map((name) => text(1, name)),
    ...outputs.map((name) => text(2, name)),
    text(4, op),
    ...Object.entries(attributes).map(([name, value]) => bytesField(5, text(1, name), ...attributeFields(value))),
    text(7, domain),
  ];
}

function attributeFields(value: number | bigint | readonly bigint[]): Uint8Array[] {
  if (typeof value === 'number') return [float(2, value), integer(20, 1)];
  if (typeof value === 'bigint') return [integer(3, value), integer(20, 2)];
  return [...value.map((item) => integer(8, item)), integer(20, 7)];
}

function constantFields(name: string, { type, shape, bytes }: OnnxConstant): Uint8Array[] {
  return [
    ...shape.map((size) => integer(1, size)),
    integer(2, ELEMENT_TYPE[type]),
    text(8, name),
    bytesField(9, bytes),
  ];
}

function valueFields(name: string, { type, shape }: OnnxValue): Uint8Array[] {
  const dimensions = shape.map((size) => bytesField(1, typeof size === 'number' ? integer(1, size) : text(2, size)));
  return [text(1, name), bytesField(2, bytesField(1, integer(1, ELEMENT_TYPE[type]), bytesField(2, ...dimensions)))];
}

/** Wire types of protobuf. */
const VARINT = 0;
const LENGTH_DELIMITED = 2;
const FIXED32 = 5;

function integer(field: number, value: number | bigint): Uint8Array {
  return concat([varint((field << 3) | VARINT), varint(value)]);
}

function float(field: number, value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setFloat32(0, value, true);
  return concat([varint((field << 3) | FIXED32), bytes]);
}

function text(field: number, value: string): Uint8Array {
  return bytesField(field, new TextEncoder().encode(value));
}

function bytesField(field: number, ...parts: Uint8Array[]): Uint8Array {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  return concat([varint((field << 3) | LENGTH_DELIMITED), varint(length), ...parts]);
}

function varint(value: number | bigint): Uint8Array {
  let rest = BigInt.asUintN(64, BigInt(value));
  const bytes: number[] = [];
  while (rest > 127n) {
    bytes.push(Number(rest & 127n) | 128);
    rest >>= 7n;
  }
  return Uint8Array.of(...bytes, Number(rest));
}

function concat(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}
