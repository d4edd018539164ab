import { crc32 } from 'node:zlib';

/** A safetensors file: u64 header length, header, data. */
export function safetensorsFile(
  header: string | object,
  data: Uint8Array = new Uint8Array(0),
  headerLength?: bigint,
): Uint8Array {
  const json = Buffer.isBuffer(header)
    ? header
    : Buffer.from(typeof header === 'string' ? header : JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(headerLength ?? BigInt(json.length));
  return Buffer.concat([length, json, data]);
}

export interface ZipPart {
  readonly name: string;
  readonly bytes: Uint8Array;
  /** 0 stored (default), 8 deflated; the bytes are written as they are. */
  readonly method?: number;
  /** What the headers claim, by default the truth. */
  readonly uncompressedSize?: number;
}

/** A zip archive without any extra field, bytes as given. */
export function zipFile(parts: readonly ZipPart[]): Uint8Array {
  const locals: Uint8Array[] = [];
  const directory: Uint8Array[] = [];
  let offset = 0;
  for (const { name, bytes, method = 0, uncompressedSize = bytes.length } of parts) {
    const common = Buffer.alloc(26);
    common.writeUInt16LE(20, 0); // version needed
    common.writeUInt16LE(method, 4);
    common.writeUInt32LE(crc32(bytes), 10);
    common.writeUInt32LE(bytes.length, 14);
    common.writeUInt32LE(uncompressedSize, 18);
    common.writeUInt16LE(Buffer.byteLength(name), 22);
    const local = Buffer.concat([Buffer.from('PK\x03\x04'), common, Buffer.from(name), bytes]);
    const tail = Buffer.alloc(14);
    tail.writeUInt32LE(offset, 10);
    directory.push(Buffer.concat([Buffer.from('PK\x01\x02\x14\x00', 'latin1'), common, tail, Buffer.from(name)]));
    locals.push(local);
    offset += local.length;
  }
  const central = Buffer.concat(directory);
  const end = Buffer.alloc(22);
  end.write('PK\x05\x06', 0, 'latin1');
  end.writeUInt16LE(parts.length, 8);
  end.writeUInt16LE(parts.length, 10);
  end.writeUInt32LE(central.length, 12);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...locals, central, end]);
}

/** Pickle opcodes by the names of CPython's pickletools. */
export const op = {
  proto: (version = 2) => Buffer.from([0x80, version]),
  mark: Buffer.from('('),
  emptyDict: Buffer.from('}'),
  emptyTuple: Buffer.from(')'),
  tuple: Buffer.from('t'),
  setItems: Buffer.from('u'),
  reduce: Buffer.from('R'),
  build: Buffer.from('b'),
  persid: Buffer.from('Q'),
  newFalse: Buffer.from([0x89]),
  stop: Buffer.from('.'),
  global: (module: string, name: string) => Buffer.from(`c${module}\n${name}\n`),
  int: (value: number) => {
    const bytes = Buffer.from('J\0\0\0\0');
    bytes.writeInt32LE(value, 1);
    return bytes;
  },
  text: (value: string) => {
    const length = Buffer.alloc(4);
    length.writeUInt32LE(Buffer.byteLength(value));
    return Buffer.concat([Buffer.from('X'), length, Buffer.from(value)]);
  },
};

export interface PickledTensor {
  readonly name: string;
  readonly shape: readonly number[];
  readonly strides?: readonly number[];
  readonly offset?: number;
  readonly storage?: string;
  readonly key?: string;
  readonly elementCount?: number;
}

const ints = (values: readonly number[]) => [op.mark, ...values.map(op.int), op.tuple];
const product = (shape: readonly number[]) => shape.reduce((a, b) => a * b, 1);

/** What `torch.save(state_dict)` pickles, without its memo. */
export function torchPickle(tensors: readonly PickledTensor[]): Uint8Array {
  const items = tensors.flatMap(
    ({ name, shape, strides, offset = 0, storage = 'FloatStorage', key = '0', elementCount }) => {
      const rowMajor = shape.map((_, i) => product(shape.slice(i + 1)));
      return [
        op.text(name),
        op.global('torch._utils', '_rebuild_tensor_v2'),
        op.mark,
        ...[
          op.mark,
          op.text('storage'),
          op.global('torch', storage),
          op.text(key),
          op.text('cpu'),
          op.int(elementCount ?? product(shape)),
          op.tuple,
        ],
        op.persid,
        op.int(offset),
        ...ints(shape),
        ...ints(strides ?? rowMajor),
        op.newFalse,
        ...[op.global('collections', 'OrderedDict'), op.emptyTuple, op.reduce],
        op.tuple,
        op.reduce,
      ];
    },
  );
  return Buffer.concat([op.proto(), op.emptyDict, op.mark, ...items, op.setItems, op.stop]);
}

/** A torch zip with this pickle and these storages, numbered from 0. */
export function torchFile(pickle: Uint8Array, storages: readonly Uint8Array[]): Uint8Array {
  return zipFile([
    { name: 'm/data.pkl', bytes: pickle },
    ...storages.map((bytes, i) => ({ name: `m/data/${i}`, bytes })),
  ]);
}

export const floatBytes = (values: ArrayLike<number>): Uint8Array => new Uint8Array(Float32Array.from(values).buffer);
